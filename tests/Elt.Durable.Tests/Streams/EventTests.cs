using Elt.Durable.Journal;
using Elt.Durable.Streams;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Streams;

public sealed class EventsOnPostgres : EventTests<PostgresStore>;

public sealed class EventsOnSqlite : EventTests<SqliteStore>;

[Trait("promise", "E13")]
public abstract class EventTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task The_last_value_counts_and_the_history_is_kept()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(Script("sets", async context =>
        {
            for (var i = 1; i <= 3; i++)
                await context.SetEventAsync("progress", i * 10);
            await context.SetEventAsync("state", "done");
            await context.WriteStreamAsync("progress", 99);
            return $"{await context.GetEventAsync<int>(context.WorkflowId, "progress")}";
        }));
        Assert.Equal("30", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(30, await engine.Client.GetEventAsync<int>(handle.WorkflowId, "progress"));
        var events = await engine.Client.ListEventsAsync(handle.WorkflowId);
        Assert.Equal(["progress 0 10", "progress 1 20", "progress 2 30", "state 0 \"done\""], events.Select(e => $"{e.Name} {e.Position} {e.Value}"));
        Assert.Empty(await engine.Client.ListEventsAsync("nobody"));
    }

    [Fact]
    public async Task A_run_that_waits_long_for_an_event_is_parked_and_woken_by_it()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(50)));
        await engine.Client.StartAsync(Script("setter", async context =>
        {
            await context.ReceiveAsync<string>();
            await context.SetEventAsync("other", 1);
            await context.ReceiveAsync<string>();
            await context.SetEventAsync("ready", "yes");
            return await context.ReceiveAsync<string>();
        }), "setter");
        var waiter = await engine.Client.StartAsync(Script("waiter", context => context.GetEventAsync<string>("setter", "ready")), "waiter");
        await AwaitParkedAsync("waiter", epoch: 1);
        await engine.Client.SendAsync("setter", "other");
        await AwaitParkedAsync("waiter", epoch: 2);
        await engine.Client.SendAsync("setter", "ready");
        Assert.Equal("yes", await WithinPatienceAsync(waiter.ResultAsync()));
        Assert.Equal(0, await Store.CountAsync("select count(*) from event_waiters"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_of_a_run_that_never_set_an_event_ends_the_wait_for_it(bool isParked)
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = isParked ? TimeSpan.FromMilliseconds(50) : TimeSpan.FromHours(1)));
        await engine.Client.StartAsync(Script("target", context => context.ReceiveAsync<string>()), "target");
        var waiter = await engine.Client.StartAsync(Script("waiter", async context =>
        {
            try
            {
                return await context.GetEventAsync<string>("target", "ready");
            }
            catch (EventNotSetException e)
            {
                return e.Message;
            }
        }), "waiter");
        var outside = engine.Client.GetEventAsync<string>("target", "ready");
        if (isParked)
            await AwaitParkedAsync("waiter", epoch: 1);
        else
            await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from event_waiters") > 0);
        await engine.Client.SendAsync("target", "end");
        Assert.Equal("Run 'target' ended without having set the event 'ready'.", await WithinPatienceAsync(waiter.ResultAsync()));
        await Assert.ThrowsAsync<EventNotSetException>(() => WithinPatienceAsync(outside));
    }

    [Fact]
    [Trait("promise", "E5")]
    public async Task Of_the_runs_that_end_in_one_commit_those_that_are_awaited_wake_their_waiters()
    {
        var journal = await OpenJournalAsync();
        await journal.RegisterWorkerAsync("me", TimeSpan.FromMinutes(1), default);
        var starts = new[] { "alone", "awaited", "waiter" }
            .Select(id => new StartWrite(new NewRun { Id = id, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true })).ToList();
        await journal.CommitAsync("me", starts, default);
        Assert.Equal(new EventState(false, null), await journal.Streams.FindEventAsync("awaited", "ready", "waiter", default));

        var ends = new[] { ("alone", 1), ("awaited", 1), ("waiter", 7) }
            .Select(run => new EndWrite(new RunKey(run.Item1, run.Item2), null, new RunOutcome(RunStatus.Success, "1", null, DateTimeOffset.UnixEpoch))).ToList();
        await journal.CommitAsync("me", ends, default);

        Assert.Equal([false, false, true], ends.ConvertAll(end => end.Fenced));
        Assert.Equal(JournalHint.RunsAreWoken, ends.Aggregate(JournalHint.None, (woke, end) => woke | end.Woke));
        Assert.Equal(2, await Store.CountAsync("select count(*) from runs where completed_at is not null"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs where id = 'waiter' and wake_count = 1 and owner = 'me'"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from event_waiters"));
    }

    [Fact]
    public async Task Unknown_runs_and_times_that_are_over_are_errors_inside_and_outside()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(Script("target", context => context.ReceiveAsync<string>()), "target");
        async Task<string> FailureOfAsync(string target, TimeSpan? timeout)
        {
            var handle = await engine.Client.StartAsync(Script($"{target}{timeout}", context => context.GetEventAsync<string>(target, "ready", timeout)));
            var error = (await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(handle.ResultAsync()))).Error!;
            Assert.Contains($"'{target}'", error.Message);
            return error.Type;
        }

        Assert.Equal(typeof(UnknownRunException).FullName, await FailureOfAsync("nobody", null));
        Assert.Equal(typeof(WaitTimeoutException).FullName, await FailureOfAsync("target", TimeSpan.FromMilliseconds(30)));
        Assert.Equal(typeof(WaitTimeoutException).FullName, await FailureOfAsync("target", TimeSpan.Zero));
        await Assert.ThrowsAsync<UnknownRunException>(() => engine.Client.GetEventAsync<string>("nobody", "ready"));
        await Assert.ThrowsAsync<WaitTimeoutException>(() => WithinPatienceAsync(engine.Client.GetEventAsync<string>("target", "ready", TimeSpan.FromMilliseconds(30))));
    }

    private async Task AwaitParkedAsync(string run, int epoch)
    {
        await Eventually.TrueAsync(async () => await Store.CountAsync($"select count(*) from runs where id = '{run}' and epoch = {epoch} and status = 'WAITING' and owner is null") > 0);
    }
}
