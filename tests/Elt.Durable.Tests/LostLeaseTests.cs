using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class LostLeaseOnPostgres : LostLeaseTests<PostgresStore>;

public sealed class LostLeaseOnSqlite : LostLeaseTests<SqliteStore>;

[Trait("promise", "E5")]
public abstract class LostLeaseTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_run_whose_lease_is_lost_while_its_history_is_read_executes_nothing()
    {
        var (reading, read) = (Probe.Signal("reading"), Probe.Signal("read"));
        var engine = await StartEngineAsync(
            durable => durable.ConfigureWorker(w => (w.Lease, w.ParkAfter) = (TimeSpan.FromSeconds(9), TimeSpan.FromMilliseconds(1))),
            inner => SlowHistory.Around(inner, async id =>
            {
                if (id == "robbed" && reading.TrySetResult())
                    await read.Task;
            }));
        await engine.Client.StartAsync(Script("robbed", async context =>
        {
            await context.ReceiveAsync<string>();
            return await context.StepAsync("late", _ => Task.FromResult($"executed {Probe.Count("late")} times"));
        }), "robbed");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where status = 'WAITING' and owner is null") > 0);
        await engine.Client.SendAsync("robbed", "go on");
        await WithinPatienceAsync(reading.Task);

        var before = engine.Health.WorkerId;
        await Eventually.TrueAsync(() => LoseLeaseAsync(engine));
        await engine.Journal.RegisterWorkerAsync("heir", TimeSpan.FromMinutes(1), default);
        Assert.Single((await engine.Journal.ClaimAsync(new ClaimRequest("heir", 5, [new("scripted", 1)], []), default)).Runs);
        await Eventually.TrueAsync(() => engine.Health.WorkerId != before && engine.Health.CheckWorker() is null);
        read.SetResult();
        await Eventually.TrueAsync(() => engine.Health.BusyRuns == 0);
        Assert.Equal(0, Probe["late"]);
    }

    /// <summary>A journal that takes its time to read a history.</summary>
    [SuppressMessage("Performance", "CA1852", Justification = "The proxy derives from it.")]
    internal class SlowHistory : DispatchProxy
    {
        private IJournal _inner = null!;
        private Func<string, Task> _before = null!;

        public static IJournal Around(IJournal inner, Func<string, Task> before)
        {
            var journal = Create<IJournal, SlowHistory>();
            (((SlowHistory)(object)journal)._inner, ((SlowHistory)(object)journal)._before) = (inner, before);
            return journal;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name == nameof(IJournal.ReadHistoryAsync)
            ? ReadAsync((string)args![0]!, (CancellationToken)args[1]!)
            : targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);

        private async Task<RunHistory> ReadAsync(string runId, CancellationToken ct)
        {
            await _before(runId);
            return await _inner.ReadHistoryAsync(runId, ct);
        }
    }
}
