using Elt.Durable.Messages;
using Elt.Durable.Streams;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Npgsql;

namespace Elt.Durable.Tests.Messages;

public sealed class LostWakesOnPostgres : LostWakeTests<PostgresStore>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_message_or_event_from_another_process_arrives_by_notification_or_by_the_poll_alone(bool notified)
    {
        var receiver = await StartEngineAsync(durable => durable.ConfigureWorker(w =>
            (w.PollInterval, w.UseNotifications, w.ParkAfter) = (notified ? TimeSpan.FromHours(1) : TimeSpan.FromMilliseconds(50), notified, TimeSpan.FromHours(1))));
        var waiting = Probe.Signal("waiting");
        var handle = await receiver.Client.StartAsync(Script("receiver", async context =>
        {
            waiting.TrySetResult();
            return await context.ReceiveAsync<string>() + await context.GetEventAsync<string>("elsewhere", "ready");
        }));
        await WithinPatienceAsync(waiting.Task);
        var other = await StartEngineAsync(durable => durable.AddWorkflow<OnlyElsewhereWorkflow>());
        await other.Client.StartAsync(new OnlyElsewhere(), "elsewhere");
        await other.Client.SendAsync(handle.WorkflowId, "hello ");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from event_waiters") > 0);
        await other.Client.SendAsync("elsewhere", "go");
        Assert.Equal("hello world", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(1, (await receiver.Client.FindAsync(handle.WorkflowId))!.Epoch);
    }

    [Fact]
    public async Task Who_registers_for_an_event_while_it_is_being_committed_sees_it()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(Script("setter", context => context.ReceiveAsync<string>()), "setter");
        await using var connection = new NpgsqlConnection(Store.ConnectionString + ";Search Path=durable;Pooling=false");
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var set = new NpgsqlCommand(
            """
            insert into stream_entries values ('setter', 'EVENT', 'ready', 0, 'ready', '1', now());
            select 1 from runs where id = 'setter' for key share;
            delete from event_waiters where run_id = 'setter'
            """,
            connection);
        await set.ExecuteNonQueryAsync();
        var registration = engine.Journal.Streams.FindEventAsync("setter", "ready", "waiter", default);
        await Eventually.TrueAsync(async () => registration.IsCompleted || await Store.CountAsync(Blocked) > 0);
        await transaction.CommitAsync();
        Assert.Equal(new EventState(false, "1"), await WithinPatienceAsync(registration));
    }

    [Fact]
    public async Task An_event_that_is_set_while_somebody_registers_wakes_him()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(Script("setter", async context =>
        {
            await context.ReceiveAsync<string>("go");
            await context.SetEventAsync("ready", 1);
            return "set";
        }), "setter");
        await using var connection = new NpgsqlConnection(Store.ConnectionString + ";Search Path=durable;Pooling=false");
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var register = new NpgsqlCommand(
            "insert into event_waiters select id, 'waiter' from runs where id = 'setter' and completed_at is null", connection);
        await engine.Client.SendAsync("setter", "go", "go");
        await using var locked = new NpgsqlCommand("select 1 from runs where id = 'setter' for update", connection);
        await locked.ExecuteNonQueryAsync();
        await register.ExecuteNonQueryAsync();
        await Eventually.TrueAsync(async () => await Store.CountAsync(Blocked) + await Store.CountAsync("select count(*) from runs where status = 'SUCCESS'") > 0);
        await transaction.CommitAsync();
        Assert.Equal("\"set\"", (await WithinPatienceAsync(engine.Client.WaitAsync("setter")))!.Output);
        Assert.Equal(0, await Store.CountAsync("select count(*) from event_waiters"));
    }

    [Fact]
    [Trait("promise", "E20")]
    public async Task A_message_to_a_run_that_is_just_being_deleted_leaves_nothing_behind()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(1), "deleted")).ResultAsync());
        await using var connection = new NpgsqlConnection(Store.ConnectionString + ";Search Path=durable;Pooling=false");
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var delete = new NpgsqlCommand("delete from runs where id = 'deleted'; delete from messages where run_id = 'deleted'", connection);
        await delete.ExecuteNonQueryAsync();
        var send = engine.Client.SendAsync("deleted", "late");
        await Eventually.TrueAsync(async () => send.IsCompleted || await Store.CountAsync(Blocked) > 0);
        await transaction.CommitAsync();
        await WithinPatienceAsync(send);
        Assert.Equal(0, await Store.CountAsync("select count(*) from messages"));
    }

    [Workflow("only-elsewhere-event")]
    public sealed record OnlyElsewhere : IWorkflow<string>;

    public sealed class OnlyElsewhereWorkflow : Workflow<OnlyElsewhere, string>
    {
        public override async Task<string> RunAsync(OnlyElsewhere input, WorkflowContext context)
        {
            await context.ReceiveAsync<string>();
            await context.SetEventAsync("ready", "world");
            return "set";
        }
    }
}

public sealed class LostWakesOnSqlite : LostWakeTests<SqliteStore>;

/// <summary>A wait that begins just when what it waits for arrives, or that nobody tells, must end all the same.</summary>
[Trait("promise", "E13")]
public abstract class LostWakeTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task What_arrives_in_this_process_is_received_without_a_poll()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => (w.PollInterval, w.UseNotifications) = (TimeSpan.FromHours(1), false)));
        var setter = await engine.Client.StartAsync(Script("setter", async context =>
        {
            await context.ReceiveAsync<string>("go");
            await context.SetEventAsync("ready", "set");
            return await context.ReceiveAsync<string>("end");
        }));
        var waiter = await engine.Client.StartAsync(Script("waiter", async context =>
            await context.GetEventAsync<string>(setter.WorkflowId, "ready")
            + await context.GetEventAsync<string>(setter.WorkflowId, "never").ContinueWith(
                t => t.Exception?.InnerException?.GetType().Name, TaskScheduler.FromCurrentSynchronizationContext())));
        foreach (var topic in new[] { "go", "end" })
        {
            await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from event_waiters") > 0);
            await engine.Client.SendAsync(setter.WorkflowId, topic, topic);
            if (topic == "go")
                await WithinPatienceAsync(engine.Client.GetEventAsync<string>(setter.WorkflowId, "ready"));
        }
        Assert.Equal("setEventNotSetException", await WithinPatienceAsync(waiter.ResultAsync()));
    }

    [Fact]
    public async Task A_message_that_nobody_told_of_is_found_by_the_poll()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => (w.UseNotifications, w.ParkAfter) = (false, TimeSpan.FromHours(1))));
        var handle = await engine.Client.StartAsync(Script("waits", context => context.ReceiveAsync<string>(timeout: TimeSpan.FromDays(1))), "waits");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from steps where key = 'receive/timeout'") > 0);
        await Store.ExecuteAsync(
            $"""
            insert into messages (run_id, idempotency_key, topic, payload, sent_at) values ('waits', 'k', '', '"silent"', {(Store is PostgresStore ? "now()" : "0")});
            update runs set wake_count = wake_count + 1 where id = 'waits'
            """);
        Assert.Equal("silent", await WithinPatienceAsync(handle.ResultAsync()));
    }

    [Theory]
    [InlineData(nameof(IMessageStore.FindOldestAsync), 1)]
    [InlineData(nameof(IMessageStore.FindOldestAsync), 2)]
    [InlineData(nameof(IStreamStore.FindEventAsync), 1)]
    [InlineData(nameof(IStreamStore.FindEventAsync), 2)]
    public async Task What_arrives_between_the_look_and_the_wait_is_not_lost(string look, int time)
    {
        EngineHost? engine = null;
        var isLooking = false;
        var looks = 0;
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        engine = await StartEngineAsync(
            durable => durable.ConfigureWorker(w => (w.PollInterval, w.ParkAfter) = (TimeSpan.FromHours(1), TimeSpan.FromHours(1))),
            inner => InterruptedJournal.Around(inner, async method =>
            {
                if (method == nameof(Durable.Journal.IJournal.ReadHistoryAsync))
                    told.TrySetResult();
                if (method != look || !isLooking || ++looks != time)
                    return;
                isLooking = false;
                await engine!.Client.SendAsync("target", "go", "go");
                // The news reaches the execution before its wait begins; the first look of an event does not ask for news yet.
                if (look == nameof(IMessageStore.FindOldestAsync) || time == 2)
                    await WithinPatienceAsync(told.Task);
                else
                    await WithinPatienceAsync(engine.Client.GetEventAsync<string>("target", "ready"));
            }));
        Script("sets", async context =>
        {
            await context.ReceiveAsync<string>("go");
            await context.SetEventAsync("ready", "found");
            return await context.ReceiveAsync<string>("end");
        });
        if (look == nameof(IStreamStore.FindEventAsync))
            await engine.Client.StartAsync(new Scripted("sets"), "target");
        isLooking = true;
        var handle = look == nameof(IStreamStore.FindEventAsync)
            ? await engine.Client.StartAsync(Script("gets", context => context.GetEventAsync<string>("target", "ready")))
            : await engine.Client.StartAsync(Script("receives", context => context.ReceiveAsync<string>("go")), "target");
        Assert.Contains(await WithinPatienceAsync(handle.ResultAsync()), new[] { "found", "go" });
    }
}
