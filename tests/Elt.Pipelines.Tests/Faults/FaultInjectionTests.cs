using System.Diagnostics;
using Elt.Pipelines.Faults;
using Elt.Pipelines.Sources;
using Elt.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Elt.Pipelines.Tests.Faults;

public sealed class FaultInjectionTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private int _kills;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Nothing_fails_by_default()
    {
        var faults = Faults(new FaultOptions());
        for (var i = 0; i < 1000; i++)
        {
            faults.BeforeRequest();
            faults.BeforeCommit();
            faults.BatchFinished(i);
        }

        Assert.Equal(0, _kills);
    }

    [Fact]
    public void Rates_are_kept_about()
    {
        var faults = Faults(new FaultOptions { ApiFailureRate = 0.02, DatabaseFailureRate = 0.4 });

        Assert.InRange(Enumerable.Range(0, 10_000).Count(_ => Fails<SourceException>(faults.BeforeRequest)), 150, 250);
        Assert.InRange(Enumerable.Range(0, 10_000).Count(_ => Fails<IOException>(faults.BeforeCommit)), 3_800, 4_200);
    }

    [Fact]
    public void The_first_batch_that_may_crash_does_so_once_over_all_processes()
    {
        var options = new FaultOptions { CrashOnceMarker = _folder.File("crashed") };
        var faults = Faults(options);

        faults.BatchFinished(4);
        Assert.Equal(0, _kills);
        Assert.Throws<UnreachableException>(() => faults.BatchFinished(5));
        faults.BatchFinished(6);
        Faults(options).BatchFinished(7);

        Assert.Equal(1, _kills);
    }

    [Fact]
    public void Only_late_batches_crash_at_the_rate()
    {
        var faults = Faults(new FaultOptions { CrashRate = 0.05, CrashAfterBatch = 3 });

        Assert.Equal(0, Enumerable.Range(0, 1000).Count(i => Fails<UnreachableException>(() => faults.BatchFinished(i % 3))));
        Assert.InRange(Enumerable.Range(0, 1000).Count(_ => Fails<UnreachableException>(() => faults.BatchFinished(3))), 25, 75);
    }

    private FaultInjection Faults(FaultOptions options) => new(options, new Random(42), () => _kills++, NullLogger<FaultInjection>.Instance);

    private static bool Fails<T>(Action action)
        where T : Exception => Record.Exception(action) is T;
}
