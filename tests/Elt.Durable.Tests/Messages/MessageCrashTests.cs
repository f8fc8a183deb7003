using Elt.Durable.Journal;
using Elt.Durable.Messages;
using Elt.Durable.Streams;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Messages;

public sealed class MessageCrashesOnPostgres : MessageCrashTests<PostgresStore>;

public sealed class MessageCrashesOnSqlite : MessageCrashTests<SqliteStore>;

[Trait("promise", "E13")]
public abstract class MessageCrashTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_run_killed_while_it_waits_gets_the_message_once_from_the_next_worker()
    {
        var (doomed, _) = await StartCrashingEngineAsync();
        await doomed.Client.StartAsync(Script("waits", async context =>
        {
            Probe.Count("bodies");
            return await context.ReceiveAsync<string>(timeout: TimeSpan.FromDays(1));
        }), "waits");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from steps where key = 'receive/timeout'") > 0);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        var heir = await StartEngineAsync();
        await heir.Client.SendAsync("waits", "hello");
        await heir.Client.SendAsync("waits", "unread");
        Assert.Equal("\"hello\"", (await WithinPatienceAsync(heir.Client.WaitAsync("waits")))!.Output);
        Assert.Equal(2, Probe["bodies"]);
        Assert.Equal(1, await Store.CountAsync("select count(*) from messages where received_by is null"));
    }

    [Theory]
    [InlineData("send", false)]
    [InlineData("send", true)]
    [InlineData("receive", false)]
    [InlineData("receive", true)]
    public async Task A_crash_around_the_commit_of_a_step_neither_loses_nor_doubles_its_message(string step, bool afterCommit)
    {
        var (doomed, journal) = await StartCrashingEngineAsync();
        journal.CrashAtStep(step, afterCommit);
        Script("both", async context =>
        {
            await context.SendAsync(context.WorkflowId, "one");
            await context.SendAsync(context.WorkflowId, "two");
            return await context.ReceiveAsync<string>() + await context.ReceiveAsync<string>();
        });
        var start = doomed.Client.StartAsync(new Scripted("both"), "both");
        await WithinPatienceAsync(journal.Crashed);
        await start;
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        var heir = await StartEngineAsync();
        Assert.Equal("\"onetwo\"", (await WithinPatienceAsync(heir.Client.WaitAsync("both")))!.Output);
        Assert.Equal(2, await Store.CountAsync("select count(*) from messages where received_by in ('receive', 'receive#2')"));
        Assert.Equal(2, await Store.CountAsync("select count(*) from messages"));
    }

    [Fact]
    public async Task Commits_sent_again_change_nothing_and_an_old_epoch_neither_sends_nor_consumes_nor_publishes()
    {
        var journal = (await StartEngineAsync()).Journal;
        await journal.RegisterWorkerAsync("me", TimeSpan.FromMinutes(1), default);
        var claimed = new StartWrite(new NewRun { Id = "mine", Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true });
        await journal.CommitAsync("me", [claimed], default);
        var message = new MessageWrite(new Message { RunId = "mine", Topic = "", IdempotencyKey = "outside", Payload = "1" });
        Func<long, JournalWrite>[] writes =
        [
            _ => message,
            epoch => Step("send", StepKind.Send, epoch, new SendEffect(message.Message with { IdempotencyKey = "inside", Sender = "mine" })),
            epoch => Step("receive", StepKind.Receive, epoch, new ReceiveEffect("outside")),
            epoch => Step("event", StepKind.Event, epoch, new PublishEffect("name", "1")),
            epoch => Step("stream", StepKind.Stream, epoch, new PublishEffect("name", "1")),
            epoch => Step("stream#2", StepKind.Stream, epoch, new PublishEffect("name", "2")),
        ];
        var stale = writes.Skip(1).Select(write => (StepWrite)write(0)).ToList();
        await journal.CommitAsync("me", [message, .. stale], default);
        Assert.All(stale, write => Assert.True(write.Fenced));
        Assert.Equal(1, await Store.CountAsync("select count(*) from messages where received_by is null"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from stream_entries"));

        for (var i = 0; i < 2; i++)
        {
            var again = writes.Select(write => write(1)).ToList();
            await journal.CommitAsync("me", again, default);
            Assert.All(again.OfType<StepWrite>(), write => Assert.False(write.Fenced));
            await journal.CommitAsync("me", [Step("stream", StepKind.Stream, 1, new PublishEffect("name", "1")), Step($"stream-{i}", StepKind.Stream, 1, new PublishEffect("name", "3"))], default);
        }
        Assert.Equal(2, await Store.CountAsync("select count(*) from messages"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from messages where idempotency_key = 'outside' and received_by = 'receive'"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from stream_entries where kind = 'EVENT' and position = 0"));
        Assert.Equal(4 + (3 * 10), await Store.CountAsync("select count(*) + 10 * max(position) from stream_entries where kind = 'STREAM'"));
    }

    [Fact]
    [Trait("promise", "E20")]
    public async Task What_a_deleted_run_left_in_flight_is_not_sent_for_the_next_run_of_its_id()
    {
        var engine = await StartEngineAsync();
        var journal = engine.Journal;
        await journal.RegisterWorkerAsync("me", TimeSpan.FromMinutes(1), default);
        var first = await CreateAsync();
        await journal.CommitAsync("me", [new EndWrite(new RunKey("mine", 1), null, new RunOutcome(RunStatus.Success, "1", null, DateTimeOffset.UnixEpoch))], default);
        Assert.True(await engine.Client.DeleteAsync("mine"));
        var second = await CreateAsync();
        Assert.NotEqual(first, second);
        await journal.CommitAsync("me", WritesOf(second, "new"), default);
        await journal.CommitAsync("me", WritesOf(first, "stray"), default);
        Assert.Equal(3, await Store.CountAsync("select count(*) from messages where idempotency_key in ('new', 'new!', 'stray')"));
        Assert.Equal(3, await Store.CountAsync("select count(*) from messages"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from messages where received_by = 'receive' and idempotency_key = 'new'"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from messages where received_by is not null"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from stream_entries"));

        async Task<DateTimeOffset> CreateAsync()
        {
            var start = new StartWrite(new NewRun { Id = "mine", Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true });
            await journal.CommitAsync("me", [start], default);
            return start.CreatedAt;
        }

        static JournalWrite[] WritesOf(DateTimeOffset createdAt, string idempotencyKey)
        {
            var message = new Message { RunId = "mine", Topic = "", IdempotencyKey = idempotencyKey, Payload = "1" };
            return
            [
                new MessageWrite(message),
                Step("send", StepKind.Send, 1, new SendEffect(message with { IdempotencyKey = idempotencyKey + "!", Sender = "mine" }), createdAt),
                Step("receive", StepKind.Receive, 1, new ReceiveEffect(idempotencyKey), createdAt),
                Step("event", StepKind.Event, 1, new PublishEffect("name", "1"), createdAt),
            ];
        }
    }

    [Fact]
    [Trait("promise", "E8")]
    public async Task Everything_at_once_in_one_parallel_map_replays_the_same()
    {
        var (doomed, journal) = await StartCrashingEngineAsync();
        Script("publisher", async context =>
        {
            await context.SetEventAsync("ready", "yes");
            return "published";
        });
        Script("all", async context =>
        {
            var publisher = await context.StartChildAsync(new Scripted("publisher"), "publisher");
            var results = await context.MapAsync(Enumerable.Range(0, 32), i => $"i{i:00}", (i, scope) => BranchAsync(i, scope, publisher.WorkflowId), maxParallel: 32);
            await context.StepAsync("last", _ => Task.FromResult(Probe.Count("last")));
            return string.Join(',', results) + string.Join(',', (await context.MapAsync(
                Enumerable.Range(0, 4), i => $"r{i}", (_, scope) => scope.ReceiveAsync<int>("numbers"))).Order());
        });
        journal.CrashAtStep("last", afterCommit: false);
        await doomed.Client.StartAsync(new Scripted("all"), "all");
        await WithinPatienceAsync(journal.Crashed);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();

        var heir = await StartEngineAsync();
        var run = await WithinPatienceAsync(heir.Client.WaitAsync("all"));
        Assert.True(run!.Status == RunStatus.Success, run.Error?.Message);
        Assert.Equal(2, Probe["last"]);
        Assert.Equal(4, Probe["step"]);
        var expected = string.Join(',', Enumerable.Range(0, 32).Select(i => (i % 8) switch { 0 => "step", 3 => "event", 4 => "yes", 5 => "stream", 6 => "1", 7 => "late", 1 => "slept", _ => "sent" }));
        Assert.Equal($"\"{expected}2,10,18,26\"", run.Output);
        Assert.Equal(4, await Store.CountAsync("select count(*) from stream_entries where kind = 'STREAM' and name = 'log'"));
        Assert.Equal(3, await Store.CountAsync("select max(position) from stream_entries where kind = 'STREAM' and name = 'log'"));
        Assert.Equal(5, await Store.CountAsync("select count(*) from stream_entries where kind = 'EVENT'"));
        Assert.Equal(4, await Store.CountAsync("select count(*) from messages where received_by is not null"));
    }

    private async Task<string> BranchAsync(int i, WorkflowContext scope, string publisher)
    {
        switch (i % 8)
        {
            case 0:
                return await scope.StepAsync("step", _ => Task.FromResult(Probe.Count("step") > 0 ? "step" : ""));
            case 1:
                await scope.SleepAsync(TimeSpan.FromMilliseconds(20));
                return "slept";
            case 2:
                await scope.SendAsync(scope.WorkflowId, i, "numbers");
                return "sent";
            case 3:
                await scope.SetEventAsync("status", i);
                return "event";
            case 4:
                return await scope.GetEventAsync<string>(publisher, "ready");
            case 5:
                await scope.WriteStreamAsync("log", i);
                return "stream";
            case 6:
                return $"{await scope.ChildAsync(new Sequence(1), "child")}";
            default:
                return await scope.ReceiveAsync<string>("never", TimeSpan.FromMilliseconds(30)).ContinueWith(
                    t => t.Exception?.InnerException is WaitTimeoutException ? "late" : "?", TaskScheduler.FromCurrentSynchronizationContext());
        }
    }

    private static StepWrite Step(string key, StepKind kind, long epoch, StepEffect effect, DateTimeOffset? createdAt = null) =>
        new(new RunKey("mine", epoch, createdAt), SampleSteps.Step(key, kind), effect);
}
