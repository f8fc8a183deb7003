using System.Collections.Concurrent;
using System.Reflection;
using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class IdleOnPostgres : IdleTests<PostgresStore>;

public sealed class IdleOnSqlite : IdleTests<SqliteStore>;

[Trait("promise", "E23")]
public abstract class IdleTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task An_idle_worker_asks_the_journal_less_than_once_a_second()
    {
        var time = new ManualTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        CountingJournal? calls = null;
        await StartEngineAsync(
            durable => durable.ConfigureWorker(w => w.PollInterval = new WorkerOptions().PollInterval)
                .AddSchedule("yearly", "0 0 1 7 *", "UTC", _ => new Sequence(1)),
            inner => (calls = CountingJournal.Around(inner)).Journal,
            time);
        var before = calls!.Total;

        for (var probe = 0; probe < 30; probe++)
        {
            var probed = calls.CallAsync(nameof(IJournal.ProbeAsync));
            // The loop may still be on its way to its wait: then its time passes a moment later.
            while (!probed.IsCompleted)
            {
                time.Advance(TimeSpan.FromMilliseconds(100));
                await Task.WhenAny(probed, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System));
            }
        }
        var virtualSeconds = (time.GetUtcNow() - DateTimeOffset.UnixEpoch.AddYears(56)).TotalSeconds;
        Assert.InRange((calls.Total - before) / virtualSeconds, 0.1, 0.99);
    }

    [Fact]
    public async Task A_run_is_found_by_the_poll_when_nobody_says_that_it_is_due()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.UseNotifications = false));
        var handle = await engine.Client.StartAsync(new Sequence(1), "delayed", new StartOptions { Delay = TimeSpan.FromHours(1) });
        await Store.ExecuteAsync("update runs set due_at = " + (Store is PostgresStore ? "now()" : "0"));
        Assert.Equal(1, await WithinPatienceAsync(handle.ResultAsync()));
    }

    [Fact]
    [Trait("promise", "E6")]
    public async Task The_runs_of_a_dead_worker_are_found_by_the_probe_between_two_renewals()
    {
        var (doomed, journal) = await StartCrashingEngineAsync();
        var reached = Probe.Signal("reached");
        Probe.OnStep["s:lost:0"] = async ct =>
        {
            reached.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
        };
        await doomed.Client.StartAsync(new Sequence(1), "lost");
        await WithinPatienceAsync(reached.Task);
        var heir = Store is SqliteStore ? null : await StartEngineAsync(durable => durable.ConfigureWorker(w => w.Lease = TimeSpan.FromHours(1)));
        journal.Crash();
        await doomed.KillAsync();
        Probe.OnStep.Clear();
        await Store.ExpireLeasesAsync();
        if (heir is null)
            heir = await StartEngineAsync();
        else
            await Store.ExecuteAsync($"update workers set lease_until = now() + interval '1 hour' where id = '{heir.Health.WorkerId}'");
        Assert.Equal(1, (await WithinPatienceAsync(heir.Client.WaitAsync("lost")))!.Recoveries);
    }

    /// <summary>Counts the calls that a worker makes, and tells of them.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Performance", "CA1852", Justification = "The proxy derives from it.")]
    internal class CountingJournal : DispatchProxy
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _next = [];
        private IJournal _inner = null!;
        private int _total;

        public int Total => Volatile.Read(ref _total);

        public IJournal Journal => (IJournal)(object)this;

        public static CountingJournal Around(IJournal inner)
        {
            var journal = (CountingJournal)(object)Create<IJournal, CountingJournal>();
            journal._inner = inner;
            return journal;
        }

        /// <summary>Completes at the next call of a method.</summary>
        public Task CallAsync(string method) => _next.GetOrAdd(method, _ => new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            // Whoever takes a store in hand asks it something; a probe is two statements, one of which says how the other is planned.
            if (targetMethod!.Name != nameof(IJournal.WaitForHintAsync))
                Interlocked.Add(ref _total, targetMethod.Name == nameof(IJournal.ProbeAsync) ? 2 : 1);
            var answer = targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
            if (_next.TryRemove(targetMethod.Name, out var next))
                next.TrySetResult();
            return answer;
        }
    }
}
