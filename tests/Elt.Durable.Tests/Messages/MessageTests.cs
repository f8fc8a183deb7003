using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Messages;

public sealed class MessagesOnPostgres : MessageTests<PostgresStore>;

public sealed class MessagesOnSqlite : MessageTests<SqliteStore>;

[Trait("promise", "E13")]
public abstract class MessageTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private const string Waiting = "select count(*) from messages where received_by is null";

    [Fact]
    public async Task Messages_of_a_topic_are_received_in_the_order_they_were_sent_whether_they_came_before_or_after()
    {
        var engine = await StartEngineAsync();
        var begin = Probe.Signal("begin");
        var handle = await engine.Client.StartAsync(Script("reader", async context =>
        {
            await context.StepAsync("wait", ct => begin.Task.WaitAsync(ct));
            var texts = new List<string>();
            for (var i = 0; i < 4; i++)
                texts.Add(await context.ReceiveAsync<string>("letters"));
            return string.Join(',', texts) + await context.ReceiveAsync<int>();
        }));
        await engine.Client.SendAsync(handle.WorkflowId, 7);
        foreach (var text in new[] { "a", "b" })
            await engine.Client.SendAsync(handle.WorkflowId, text, "letters");
        begin.SetResult();
        await Eventually.TrueAsync(async () => await Store.CountAsync(Waiting) <= 1);
        foreach (var text in new[] { "c", "d" })
            await engine.Client.SendAsync(handle.WorkflowId, text, "letters");
        Assert.Equal("a,b,c,d7", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(0, await Store.CountAsync(Waiting));
        Assert.Equal(1, await Store.CountAsync("select count(*) from messages where received_by = 'receive#5'"));
    }

    [Fact]
    public async Task Runs_send_to_each_other_and_to_themselves()
    {
        var engine = await StartEngineAsync();
        var pong = await engine.Client.StartAsync(Script("pong", async context =>
        {
            var from = await context.ReceiveAsync<string>("ping");
            await context.SendAsync(from, $"{from} and back", "pong");
            return "done";
        }), "pong");
        var ping = await engine.Client.StartAsync(Script("ping", async context =>
        {
            await context.SendAsync(context.WorkflowId, 1, "own");
            await context.SendAsync("pong", context.WorkflowId, "ping");
            return await context.ReceiveAsync<string>("pong") + await context.ReceiveAsync<int>("own");
        }), "ping");
        Assert.Equal("ping and back1", await WithinPatienceAsync(ping.ResultAsync()));
        Assert.Equal("done", await WithinPatienceAsync(pong.ResultAsync()));
        Assert.Equal(1, await Store.CountAsync("select count(*) from messages where run_id = 'pong' and sender = 'ping'"));
    }

    [Fact]
    public async Task A_message_to_an_unknown_run_fails_its_step_and_one_to_an_ended_run_is_kept()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(1), "ended")).ResultAsync());
        var handle = await engine.Client.StartAsync(Script("sender", async context =>
        {
            await context.SendAsync("ended", "late");
            try
            {
                await context.SendAsync("nobody", "lost");
                return "sent";
            }
            catch (UnknownRunException e)
            {
                return e.Message;
            }
        }), "sender");
        Assert.Contains("'nobody'", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal([RunStatus.Success, RunStatus.Error], (await engine.Client.ListStepsAsync("sender")).Select(s => s.Status));
        await engine.Client.SendAsync("ended", "later");
        await Assert.ThrowsAsync<UnknownRunException>(() => engine.Client.SendAsync("nobody", "lost"));
        Assert.Equal(2, await Store.CountAsync("select count(*) from messages where run_id = 'ended' and received_by is null"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from messages where run_id = 'nobody'"));
    }

    [Fact]
    public async Task A_key_is_delivered_once_to_each_run_also_after_it_was_received()
    {
        var engine = await StartEngineAsync();
        Script("sender", async context =>
        {
            await context.SendAsync("one", "by a run", idempotencyKey: "order-1");
            return "sent";
        });
        Script("receiver", async context =>
        {
            var first = await context.ReceiveAsync<string>();
            await context.StepAsync("first", _ => Task.FromResult(Probe.Signal("first").TrySetResult()));
            return first + await context.ReceiveAsync<string>();
        });
        var one = await engine.Client.StartAsync(new Scripted("receiver"), "one");
        var two = await engine.Client.StartAsync(new Scripted("receiver"), "two");
        await engine.Client.SendAsync("one", "first", idempotencyKey: "order-1");
        await WithinPatienceAsync(Probe.Signal("first").Task);
        await engine.Client.SendAsync("one", "again", idempotencyKey: "order-1");
        await WithinPatienceAsync((await engine.Client.StartAsync(new Scripted("sender"))).ResultAsync());
        await engine.Client.SendAsync("one", "second", idempotencyKey: "order-2");
        await engine.Client.SendAsync("two", "its own", idempotencyKey: "order-1");
        await engine.Client.SendAsync("two", "too");
        Assert.Equal("firstsecond", await WithinPatienceAsync(one.ResultAsync()));
        Assert.Equal("its owntoo", await WithinPatienceAsync(two.ResultAsync()));
    }

    [Fact]
    public async Task Receivers_in_parallel_branches_never_get_the_same_message()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(Script("many", async context => string.Join(',', await context.MapAsync(
            Enumerable.Range(0, 40), i => $"r{i:00}", async (_, scope) => await scope.ReceiveAsync<int>() + 100 * await scope.ReceiveAsync<int>(), maxParallel: 40))));
        await Task.WhenAll(Enumerable.Range(0, 80).Select(i => engine.Client.SendAsync(handle.WorkflowId, i)));
        var received = (await WithinPatienceAsync(handle.ResultAsync())).Split(',').Select(int.Parse).SelectMany(sum => new[] { sum % 100, sum / 100 });
        Assert.Equal(Enumerable.Range(0, 80), received.Order());
        Assert.Equal(80, await Store.CountAsync("select count(distinct received_by) from messages"));
    }

    [Fact]
    public async Task A_run_that_waits_long_for_a_message_is_parked_and_woken_by_it()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(50)));
        var handle = await engine.Client.StartAsync(Script("patient", async context =>
        {
            Probe.Count("bodies");
            return await context.ReceiveAsync<string>("later");
        }));
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where status = 'WAITING' and owner is null and due_at is null") > 0);
        await engine.Client.SendAsync(handle.WorkflowId, "other", "other topic");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where status = 'WAITING' and epoch = 2 and owner is null") > 0);
        await engine.Client.SendAsync(handle.WorkflowId, "awake", "later");
        Assert.Equal("awake", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(3, Probe["bodies"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_timeout_is_an_absolute_time_that_survives_a_restart(bool messageComes)
    {
        static void ParkSoon(DurableBuilder durable) => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(50));
        var engine = await StartEngineAsync(ParkSoon);
        await engine.Client.StartAsync(Script("year", async context =>
        {
            try
            {
                return await context.ReceiveAsync<string>("news", TimeSpan.FromDays(365));
            }
            catch (WaitTimeoutException e)
            {
                return e.Message;
            }
        }), "year");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where status = 'WAITING' and owner is null and due_at is not null") > 0);
        var due = (await engine.Client.FindAsync("year"))!.DueAt;
        await engine.StopAsync();

        var next = await StartEngineAsync(ParkSoon);
        await Store.ExecuteAsync("update runs set due_at = " + (Store is PostgresStore ? "now()" : "0"));
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where status = 'WAITING' and owner is null and epoch = 2") > 0);
        Assert.Equal(due, (await next.Client.FindAsync("year"))!.DueAt);
        if (messageComes)
        {
            await next.Client.SendAsync("year", "in time", "news");
            Assert.Equal("\"in time\"", (await WithinPatienceAsync(next.Client.WaitAsync("year")))!.Output);
            return;
        }
        await Store.ExecuteAsync("update steps set result = '\"2020-01-01T00:00:00+00:00\"' where key = 'receive/timeout'");
        await Store.ExecuteAsync("update runs set due_at = " + (Store is PostgresStore ? "now()" : "0"));
        Assert.Contains("came within 365.00:00:00", (await WithinPatienceAsync(next.Client.WaitAsync("year")))!.Output);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(0)]
    [InlineData(-5)]
    public async Task Nothing_in_time_is_recorded_and_a_late_message_changes_nothing(int milliseconds)
    {
        var (engine, journal) = await StartCrashingEngineAsync();
        journal.CrashAtStep("after", afterCommit: false);
        Script("hasty", async context =>
        {
            var first = await context.ReceiveAsync<string>(timeout: TimeSpan.FromMilliseconds(milliseconds)).ContinueWith(
                t => t.Exception?.InnerException?.GetType().Name, TaskScheduler.FromCurrentSynchronizationContext());
            await context.StepAsync("after", _ => Task.FromResult(1));
            return first + await context.ReceiveAsync<string>();
        });
        await engine.Client.StartAsync(new Scripted("hasty"), "hasty");
        await WithinPatienceAsync(journal.Crashed);
        await engine.KillAsync();
        await Store.ExpireLeasesAsync();
        Assert.Equal(milliseconds > 0 ? 2 : 1, await Store.CountAsync("select count(*) from steps"));

        var heir = await StartEngineAsync();
        await heir.Client.SendAsync("hasty", " late");
        Assert.Equal("\"WaitTimeoutException late\"", (await WithinPatienceAsync(heir.Client.WaitAsync("hasty")))!.Output);
    }

    [Fact]
    [Trait("promise", "E18")]
    public async Task A_payload_over_the_limit_or_of_another_type_ends_its_own_run_and_says_which_step()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.MaxPayloadBytes = 1000));
        var large = new string('x', 1001);
        async Task<string> FailureOfAsync(string name, Func<WorkflowContext, Task> body)
        {
            var handle = await engine.Client.StartAsync(Script(name, async context =>
            {
                await context.SendAsync(context.WorkflowId, "text");
                await body(context);
                return "";
            }));
            var error = (await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(handle.ResultAsync()))).Error!;
            Assert.Equal(typeof(PayloadException).FullName, error.Type);
            return error.Message;
        }

        Assert.Contains("Message of step 'send#2'", await FailureOfAsync("sends", context => context.SendAsync(context.WorkflowId, large)));
        Assert.Contains("step 'status'", await FailureOfAsync("sets", context => context.SetEventAsync("status", large)));
        Assert.Contains("step 'log'", await FailureOfAsync("writes", context => context.WriteStreamAsync("log", large)));
        Assert.Contains("step 'receive'", await FailureOfAsync("receives", context => context.ReceiveAsync<int>()));
        await Assert.ThrowsAsync<PayloadException>(() => engine.Client.SendAsync("anybody", large));
    }

    [Fact]
    public async Task Topics_keys_and_names_are_checked()
    {
        var engine = await StartEngineAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => engine.Client.SendAsync("x", 1, new string('t', 201)));
        await Assert.ThrowsAsync<ArgumentException>(() => engine.Client.SendAsync("x", 1, "a\nb"));
        await Assert.ThrowsAsync<ArgumentException>(() => engine.Client.SendAsync("x", 1, idempotencyKey: ""));
        await Assert.ThrowsAsync<ArgumentException>(() => engine.Client.SendAsync("x", 1, idempotencyKey: "a\0b"));
    }
}
