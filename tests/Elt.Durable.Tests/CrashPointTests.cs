using Elt.Durable.Ledger;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Tests;

public sealed class CrashPointsOnPostgres : CrashPointTests<PostgresStore>;

public sealed class CrashPointsOnSqlite : CrashPointTests<SqliteStore>;

/// <summary>
/// Exhaustive: for each shape of workflow, the process dies at every call to the journal that a run brings about (start, step, claim, probe, history, park,
/// end…), once before and once after it; another one goes on. The end state is always that of the undisturbed run.
/// </summary>
[Trait("promise", "E3")]
[Trait("promise", "E6")]
public abstract class CrashPointTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("steps")]
    [InlineData("retries")]
    [InlineData("children")]
    [InlineData("map")]
    [InlineData("transactions")]
    [InlineData("sleep")]
    [InlineData("mail")]
    public async Task The_end_is_the_same_wherever_the_process_dies(string shape)
    {
        var database = new SqliteDatabase(_folder.File("effects.db"));
        await database.WriteAsync(t => Execute(t, "create table effects (run text, name text)"), default);
        Register(database);

        var undisturbed = await StartEngineAsync();
        var expected = await RunAsync(undisturbed, shape, "undisturbed");
        await undisturbed.StopAsync();
        Assert.Equal("SUCCESS", expected.Status);

        var crashes = 0;
        for (var (call, hasCrashed) = (1, true); hasCrashed && call <= 60; call++)
        {
            hasCrashed = false;
            foreach (var afterCall in new[] { false, true })
            {
                var (actual, crashed) = await RunWithCrashAsync(shape, call, afterCall);
                Assert.Equal(expected, actual);
                hasCrashed |= crashed;
                crashes += crashed ? 1 : 0;
            }
        }
        Assert.True(crashes > 4, $"{shape} crashed {crashes} times only");
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs where status not in ('SUCCESS')"));
        Assert.Equal(0, Effects(database, "select count(*) from (select 1 from effects group by run, name having count(*) > 1)"));
        database.Dispose();
        _folder.Dispose();
    }

    /// <summary>Runs a shape in a process that dies at a call, and goes on in another one.</summary>
    /// <returns>The end state, and whether the process died before the run had ended.</returns>
    private async Task<(EndState End, bool Crashed)> RunWithCrashAsync(string shape, int call, bool afterCall)
    {
        var id = $"{shape}-{call}-{(afterCall ? "after" : "before")}";
        var (doomed, journal) = await StartCrashingEngineAsync();
        journal.CrashAt(call, afterCall);
        // The start itself may be what the crash hits. Branches that commit together make fewer calls: then the run ends before the crash.
        var ended = StartAndWaitAsync(doomed, shape, id);
        await WithinPatienceAsync(Task.WhenAny(journal.Crashed, ended));
        var crashed = journal.Crashed.IsCompleted;
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        var heir = await StartEngineAsync();
        var state = await RunAsync(heir, shape, id);
        await heir.StopAsync();
        return (state, crashed);
    }

    private static async Task StartAndWaitAsync(EngineHost engine, string shape, string id)
    {
        try
        {
            await engine.Client.StartAsync(new Scripted(shape), id);
            await engine.Client.WaitAsync(id);
        }
        catch (Exception e) when (e is ProcessCrashedException or ObjectDisposedException)
        {
            // The process this client was part of is dead.
        }
    }

    private async Task<EndState> RunAsync(EngineHost engine, string shape, string id)
    {
        await engine.Client.StartAsync(new Scripted(shape), id);
        var run = await WithinPatienceAsync(engine.Client.WaitAsync(id));
        var steps = await engine.Client.ListStepsAsync(id);
        var runs = await Store.CountAsync($"select count(*) from runs where id = '{id}' or id like '{id}/%'");
        var all = await Store.CountAsync($"select count(*) from steps where run_id = '{id}' or run_id like '{id}/%'");
        return new EndState(run!.Status.ToText(), run.Output!, TextOf(steps), runs, all, await MailAsync(id));
    }

    private static string TextOf(IReadOnlyList<StepInfo> steps) =>
        string.Join(' ', steps.Where(s => s.Kind is not (StepKind.Sleep or StepKind.Timeout)).Select(s => $"{s.Key}={s.Result}").Order(StringComparer.Ordinal));

    /// <summary>What is left of a run's messages and entries.</summary>
    private async Task<string> MailAsync(string id)
    {
        var received = await Store.CountAsync($"select count(*) from messages where run_id = '{id}' and received_by is not null");
        var waiting = await Store.CountAsync($"select count(*) from messages where run_id = '{id}' and received_by is null");
        var entries = await Store.CountAsync($"select coalesce(sum(1 + position), 0) from stream_entries where run_id = '{id}'");
        return $"{received} {waiting} {entries}";
    }

    private void Register(SqliteDatabase database)
    {
        Script("steps", async context =>
        {
            var sum = 0;
            for (var i = 1; i <= 3; i++)
                sum += await context.StepAsync("add", _ => Task.FromResult(i));
            return $"{sum}";
        });
        Script("retries", context =>
        {
            var failed = false;
            return context.StepAsync(
                "flaky",
                _ =>
                {
                    (var fails, failed) = (!failed, true);
                    return fails ? throw new InvalidOperationException("first") : Task.FromResult("ok");
                },
                new RetryPolicy { MaxAttempts = 100, FirstDelay = TimeSpan.FromMilliseconds(1) });
        });
        Script("children", async context =>
        {
            var first = await context.StartChildAsync(new Sequence(2, "x"), "first");
            var second = await context.ChildAsync(new Sequence(1, "x"), "second");
            return $"{await first.ResultAsync()}{second}";
        });
        Script("map", async context => string.Concat(await context.MapAsync(
            Enumerable.Range(0, 3),
            i => $"m{i}",
            async (i, scope) => await scope.StepAsync("twice", _ => Task.FromResult(2 * i)) + await scope.ChildAsync(new Sequence(1, "x")))));
        Script("transactions", async context =>
        {
            var rows = new List<string>();
            for (var i = 0; i < 2; i++)
            {
                rows.Add(await context.TransactionAsync("insert", database, (transaction, _) =>
                {
                    Execute(transaction, $"insert into effects values ('{context.WorkflowId}', '{rows.Count}')");
                    return Task.FromResult($"row {rows.Count}");
                }));
            }
            return string.Join(',', rows);
        });
        Script("sleep", async context =>
        {
            await context.SleepAsync(TimeSpan.FromMilliseconds(20));
            return await context.StepAsync("after", _ => Task.FromResult("slept"));
        });
        Script("mail", async context =>
        {
            await context.SendAsync(context.WorkflowId, "hello");
            await context.SetEventAsync("ready", 1);
            await context.MapAsync(Enumerable.Range(0, 2), i => $"m{i}", async (i, scope) =>
            {
                await scope.WriteStreamAsync("log", i);
                return i;
            });
            var late = await context.ReceiveAsync<string>("late", TimeSpan.FromMilliseconds(20)).ContinueWith(t => t.IsFaulted, TaskScheduler.FromCurrentSynchronizationContext());
            return $"{await context.GetEventAsync<int>(context.WorkflowId, "ready")}{late}{await context.ReceiveAsync<string>()}";
        });
    }

    private static int Execute(SqliteTransaction transaction, string sql)
    {
        using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }

    private static long Effects(SqliteDatabase database, string sql)
    {
        using var connection = database.OpenRead();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    private sealed record EndState(string Status, string Output, string Steps, long Runs, long AllSteps, string Mail);
}
