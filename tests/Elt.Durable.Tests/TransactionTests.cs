using System.Data.Common;
using Elt.Durable.Ledger;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Durable.Tests;

public sealed class TransactionsInPostgres : TransactionTests<PostgresStore, NpgsqlTransaction>
{
    private NpgsqlDataSource? _dataSource;
    private string _connectionString = "";

    [Fact]
    public async Task A_lost_answer_to_commit_is_resolved_by_the_ledger()
    {
        await TargetAsync();
        var connection = new NpgsqlConnectionStringBuilder(_connectionString);
        await using var proxy = new DroppingProxy(connection.Port);
        await using var through = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(_connectionString) { Port = proxy.Port }.ToString());
        var database = new PostgresDatabase(through);
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(Script("lost", context => context.TransactionAsync("insert", database, async (transaction, ct) =>
        {
            await InsertAsync(transaction, "lost", ct);
            proxy.DropAnswerTo("COMMIT");
            return $"body {Probe.Count("bodies")}";
        })), "lost");
        Assert.Equal("body 1", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(1, proxy.Dropped);
        Assert.Equal(1, Probe["bodies"]);
        Assert.Equal(1, await RowsAsync());
    }

    [Fact]
    public async Task A_connection_lost_inside_the_transaction_is_one_effect()
    {
        var engine = await StartEngineAsync();
        var database = (PostgresDatabase)await TargetAsync();
        var handle = await engine.Client.StartAsync(Script("cut", context => context.TransactionAsync("insert", database, async (transaction, ct) =>
        {
            await InsertAsync(transaction, "cut", ct);
            if (Probe.Count("bodies") > 1)
                return "second";
            await using var killer = await database.DataSource.OpenConnectionAsync(ct);
            await using var command = new NpgsqlCommand($"select pg_terminate_backend({transaction.Connection!.ProcessID})", killer);
            await command.ExecuteNonQueryAsync(ct);
            return "first";
        })), "cut");
        Assert.Equal("second", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(1, await RowsAsync());
    }

    protected override async Task<TransactionalDatabase<NpgsqlTransaction>> CreateTargetAsync()
    {
        _connectionString = await PostgresServer.CreateDatabaseAsync();
        _dataSource = NpgsqlDataSource.Create(_connectionString);
        await using var command = _dataSource.CreateCommand("create table effects (name text)");
        await command.ExecuteNonQueryAsync();
        return new PostgresDatabase(_dataSource);
    }

    protected override async Task<long> RowsAsync(string sql = "select count(*) from effects")
    {
        await using var command = _dataSource!.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    protected override string LedgerCount => "select count(*) from durable.step_ledger";
}

public sealed class TransactionsInSqlite : TransactionTests<SqliteStore, SqliteTransaction>
{
    private readonly TempFolder _folder = new();
    private SqliteDatabase? _database;

    [Fact]
    public async Task A_transaction_that_is_open_when_the_database_is_disposed_ends_first()
    {
        await TargetAsync();
        await _database!.WriteAsync(
            transaction =>
            {
                using var command = transaction.Connection!.CreateCommand();
                command.Transaction = transaction;
                command.CommandText = "insert into effects values ('late')";
                // Disposing that does not wait is over long before this; disposing that does cannot be over.
                Assert.False(Task.Run(_database.Dispose).Wait(TimeSpan.FromMilliseconds(200)));
                return command.ExecuteNonQuery();
            },
            default);
        Assert.Equal(1, await RowsAsync());
        _database.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => _database.WriteAsync(_ => true, default));
    }

    protected override async Task<TransactionalDatabase<SqliteTransaction>> CreateTargetAsync()
    {
        _database = new SqliteDatabase(_folder.File("effects.db"));
        await _database.WriteAsync(
            transaction =>
            {
                using var command = transaction.Connection!.CreateCommand();
                command.Transaction = transaction;
                command.CommandText = "create table effects (name text)";
                return command.ExecuteNonQuery();
            },
            default);
        return _database;
    }

    protected override async Task<long> RowsAsync(string sql = "select count(*) from effects")
    {
        await using var connection = _database!.OpenRead();
        await using var command = new SqliteCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    protected override string LedgerCount => "select count(*) from step_ledger";
}

[Trait("promise", "E4")]
public abstract class TransactionTests<TStore, TTransaction> : EngineSuite<TStore>
    where TStore : IStore, new()
    where TTransaction : DbTransaction
{
    private TransactionalDatabase<TTransaction>? _target;

    protected abstract string LedgerCount { get; }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_crash_around_the_journals_commit_leaves_one_effect(bool afterCommit)
    {
        var target = await TargetAsync();
        var input = Script("pays", context => context.TransactionAsync("pay", target, async (transaction, ct) =>
        {
            Probe.Count("bodies");
            await InsertAsync(transaction, "pays", ct);
            return "paid";
        }));
        var (doomed, journal) = await StartCrashingEngineAsync();
        journal.CrashAtStep("pay", afterCommit);
        await doomed.Client.StartAsync(input, "pays");
        await WithinPatienceAsync(journal.Crashed);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        Assert.Equal(1, await RowsAsync());
        Assert.Equal(afterCommit ? 1 : 0, await Store.CountAsync("select count(*) from steps"));

        var engine = await StartEngineAsync();
        Assert.Equal("\"paid\"", (await WithinPatienceAsync(engine.Client.WaitAsync("pays")))!.Output);
        Assert.Equal(1, await RowsAsync());
        Assert.Equal(1, Probe["bodies"]);
    }

    [Fact]
    public async Task A_body_that_throws_leaves_nothing_and_its_error_is_recorded()
    {
        var target = await TargetAsync();
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(Script("throws", context => context.TransactionAsync<TTransaction, string>("pay", target, async (transaction, ct) =>
        {
            await InsertAsync(transaction, "throws", ct);
            throw new InvalidOperationException("no money");
        })));
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(handle.ResultAsync()));
        Assert.Contains("no money", error.Message);
        Assert.Equal(0, await RowsAsync());
        Assert.Equal(0, await RowsAsync(LedgerCount));
    }

    [Fact]
    [Trait("promise", "E5")]
    public async Task An_executor_with_an_older_epoch_has_no_effect()
    {
        var target = await TargetAsync();
        var payloads = new Payloads(1000);
        Task<string> Run(string key, long epoch) => target.RunOnceAsync(
            new StepIdentity("run", key, new RunClaim(1, epoch), () => { }),
            async (transaction, ct) =>
            {
                await InsertAsync(transaction, key, ct);
                return $"{key} at {epoch}";
            },
            payloads,
            default);
        Assert.Equal("one at 2", await Run("one", 2));
        await Assert.ThrowsAsync<FencedException>(() => Run("two", 1));
        Assert.Equal("one at 2", await Run("one", 3));
        Assert.Equal("two at 3", await Run("two", 3));
        await Assert.ThrowsAsync<FencedException>(() => Run("three", 2));
        Assert.Equal(2, await RowsAsync());
    }

    [Fact]
    [Trait("promise", "E20")]
    public async Task A_later_run_of_an_id_sees_no_step_of_an_earlier_one_and_shuts_it_out()
    {
        var target = await TargetAsync();
        Assert.Equal("one of 1000/7", await RunAsync(target, "one", new RunClaim(1000, 7)));
        Assert.Equal("one of 2000/1", await RunAsync(target, "one", new RunClaim(2000, 1)));
        Assert.Equal("one of 2000/1", await RunAsync(target, "one", new RunClaim(2000, 2)));
        await Assert.ThrowsAsync<FencedException>(() => RunAsync(target, "one", new RunClaim(1000, 8)));
        await Assert.ThrowsAsync<FencedException>(() => RunAsync(target, "two", new RunClaim(1000, 9)));
        Assert.Equal(2, await RowsAsync());
        Assert.Equal(1, await RowsAsync(LedgerCount));
    }

    [Fact]
    [Trait("promise", "E20")]
    public async Task The_effect_of_a_step_comes_anew_when_its_run_was_deleted_and_its_id_is_used_again()
    {
        var target = await TargetAsync();
        var engine = await StartEngineAsync();
        var input = Script("pays", context => context.TransactionAsync("pay", target, async (transaction, ct) =>
        {
            await InsertAsync(transaction, "paid", ct);
            return $"payment {Probe.Count("payments")}";
        }));
        foreach (var payment in new[] { "payment 1", "payment 2" })
        {
            Assert.Equal(payment, await WithinPatienceAsync((await engine.Client.StartAsync(input, "reused")).ResultAsync()));
            Assert.True(await engine.Client.DeleteAsync("reused"));
        }
        Assert.Equal(2, await RowsAsync());
    }

    [Fact]
    [Trait("promise", "E16")]
    public async Task A_transaction_that_takes_too_long_is_rolled_back_although_it_does_not_listen()
    {
        var target = await TargetAsync();
        var engine = await StartEngineAsync();
        var late = Probe.Signal("late");
        var handle = await engine.Client.StartAsync(Script("slow", context => context.TransactionAsync("pay", target, async (transaction, ct) =>
        {
            await InsertAsync(transaction, "paid", CancellationToken.None);
            if (Probe.Count("bodies") == 1)
            {
                ct.Register(() => late.TrySetResult());
                await late.Task;
            }
            return "paid";
        }, RetryPolicy.Database with { AttemptTimeout = TimeSpan.FromSeconds(1) })), "slow");
        Assert.Equal("paid", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(2, Probe["bodies"]);
        Assert.Equal(1, await RowsAsync());
    }

    private static Task<string> RunAsync(TransactionalDatabase<TTransaction> target, string key, RunClaim claim) => target.RunOnceAsync(
        new StepIdentity("run", key, claim, () => { }),
        async (transaction, ct) =>
        {
            await InsertAsync(transaction, key, ct);
            return $"{key} of {claim.Incarnation}/{claim.Epoch}";
        },
        new Payloads(1000),
        default);

    [Fact]
    public async Task Executors_that_race_for_one_step_have_one_effect_and_one_result()
    {
        var target = await TargetAsync();
        var payloads = new Payloads(1000);
        var results = await WithinPatienceAsync(Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    return await target.RunOnceAsync(
                        new StepIdentity("race", "step", new RunClaim(1, 1), () => { }),
                        async (transaction, ct) =>
                        {
                            await InsertAsync(transaction, "race", ct);
                            return $"by {i}";
                        },
                        payloads,
                        default);
                }
                catch (Exception e) when (RetryPolicy.IsTransientDatabaseError(e) && attempt < 20)
                {
                    // As a step under RetryPolicy.Database does.
                }
            }
        }))));
        Assert.Single(results.Distinct());
        Assert.Equal(1, await RowsAsync());
    }

    protected async Task<TransactionalDatabase<TTransaction>> TargetAsync() => _target ??= await CreateTargetAsync();

    protected abstract Task<TransactionalDatabase<TTransaction>> CreateTargetAsync();

    protected abstract Task<long> RowsAsync(string sql = "select count(*) from effects");

    protected static async Task InsertAsync(TTransaction transaction, string name, CancellationToken ct)
    {
        await using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = $"insert into effects values ('{name}')";
        await command.ExecuteNonQueryAsync(ct);
    }
}
