using System.Data.Common;
using Elt.Durable.Ledger;
using Elt.Testing;
using Npgsql;

namespace Elt.Durable.Tests;

/// <summary>Ledgers that were created before a run's incarnation stood in them.</summary>
[Trait("promise", "E4")]
[Trait("promise", "E20")]
public sealed class LedgerUpgradeTests
{
    private static readonly long Now = (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
    private static readonly long Hour = (long)TimeSpan.FromHours(1).TotalMicroseconds;

    [Fact]
    public async Task An_older_ledger_in_Postgres_answers_the_runs_of_its_time_and_no_later_ones()
    {
        await using var source = NpgsqlDataSource.Create(await PostgresServer.CreateDatabaseAsync());
        await using var create = source.CreateCommand(
            """
            create schema durable;
            create table durable.step_ledger (workflow_id text, step text, epoch bigint not null, result text not null,
              recorded_at timestamptz not null default now(), primary key (workflow_id, step));
            create table durable.step_fence (workflow_id text primary key, epoch bigint not null);
            insert into durable.step_ledger values ('run', 'step', 3, '"old"');
            insert into durable.step_fence values ('run', 3);
            """);
        await create.ExecuteNonQueryAsync();
        await VerifyAsync(() => new PostgresDatabase(source));
    }

    [Fact]
    public async Task An_older_ledger_in_SQLite_answers_the_runs_of_its_time_and_no_later_ones()
    {
        using var folder = new TempFolder();
        using var database = new SqliteDatabase(folder.File("effects.db"));
        await database.WriteAsync(
            transaction =>
            {
                using var command = transaction.Connection!.CreateCommand();
                command.Transaction = transaction;
                command.CommandText =
                    """
                    create table step_ledger (workflow_id text, step text, epoch integer not null, result text not null,
                      recorded_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), primary key (workflow_id, step)) without rowid;
                    create table step_fence (workflow_id text primary key, epoch integer not null) without rowid;
                    insert into step_ledger (workflow_id, step, epoch, result) values ('run', 'step', 3, '"old"');
                    insert into step_fence values ('run', 3);
                    """;
                return command.ExecuteNonQuery();
            },
            default);
        database.Dispose();
        await VerifyAsync(() => new SqliteDatabase(folder.File("effects.db")));
    }

    private static async Task VerifyAsync<TTransaction>(Func<TransactionalDatabase<TTransaction>> open)
        where TTransaction : DbTransaction
    {
        Assert.Equal("old", await RunAsync(open(), new RunClaim(Now - Hour, 4)));
        Assert.Equal("new", await RunAsync(open(), new RunClaim(Now + Hour, 1)));
        await Assert.ThrowsAsync<FencedException>(() => RunAsync(open(), new RunClaim(Now - Hour, 5)));
    }

    private static async Task<string> RunAsync<TTransaction>(TransactionalDatabase<TTransaction> database, RunClaim claim)
        where TTransaction : DbTransaction
    {
        var result = await database.RunOnceAsync(new StepIdentity("run", "step", claim, () => { }), (_, _) => Task.FromResult("new"), new Payloads(1000), default);
        (database as IDisposable)?.Dispose();
        return result;
    }
}
