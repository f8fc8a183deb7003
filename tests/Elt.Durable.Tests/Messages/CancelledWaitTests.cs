using Elt.Durable.Tests.Control;
using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Messages;

public sealed class CancelledWaitsOnPostgres : CancelledWaitTests<PostgresStore>;

public sealed class CancelledWaitsOnSqlite : CancelledWaitTests<SqliteStore>;

[Trait("promise", "E13")]
[Trait("promise", "E14")]
public abstract class CancelledWaitTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_run_that_waits_for_a_message_is_cancelled_at_once_and_gets_it_when_it_is_resumed()
    {
        var engine = await StartQuietEngineAsync();
        await engine.Client.StartAsync(Script("waits", context => context.ReceiveAsync<string>(timeout: TimeSpan.FromDays(1))), "waits");
        await WaitForRowsAsync("steps where key = 'receive/timeout'", 1);
        Assert.True(await engine.Client.CancelAsync("waits"));
        await engine.Client.SendAsync("waits", "kept");
        Assert.Equal(RunStatus.Cancelled, (await WithinPatienceAsync(engine.Client.WaitAsync("waits")))!.Status);
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps where key = 'receive'"));
        Assert.True(await engine.Client.ResumeAsync("waits"));
        Assert.Equal("\"kept\"", (await WithinPatienceAsync(engine.Client.WaitAsync("waits")))!.Output);
    }

    [Fact]
    public async Task The_cancellation_of_a_run_ends_the_wait_for_its_event()
    {
        var engine = await StartQuietEngineAsync();
        await engine.Client.StartAsync(Script("target", SleepLongAsync), "target");
        var waiter = await engine.Client.StartAsync(Script("waiter", context => context.GetEventAsync<string>("target", "ready")));
        await WaitForRowsAsync("event_waiters", 1);
        await engine.Client.CancelAsync("target");
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(waiter.ResultAsync()));
        Assert.Equal(typeof(EventNotSetException).FullName, error.Error!.Type);
    }
}
