using Elt.Durable;
using Elt.Durable.Ledger;
using Microsoft.Data.Sqlite;

namespace Elt.Chaos.Workers;

/// <summary>Deeds in a SQLite file beside the journal's.</summary>
internal sealed class SqliteDeeds : Deeds, IDisposable
{
    private readonly SqliteDatabase _database;

    /// <param name="folder">Holds <c>journal.db</c> and <c>deeds.db</c>.</param>
    /// <param name="pause">How long an execution takes.</param>
    public SqliteDeeds(string folder, TimeSpan pause)
        : base(pause)
    {
        _database = new SqliteDatabase(Path.Combine(folder, "deeds.db"));
        Journal = Path.Combine(folder, "journal.db");
    }

    private string Journal { get; }

    public Task CreateTablesAsync() => _database.WriteAsync(
        transaction => Execute(
            transaction,
            """
            create table if not exists executions (run text not null, step text not null, late integer not null);
            create index if not exists executions_of on executions (run, step);
            create table if not exists effects (run text not null, step text not null);
            """),
        default);

    public override Task<int> EffectAsync(WorkflowContext context, string name, int value) => context.TransactionAsync(
        name, _database, (transaction, _) => Task.FromResult(Execute(transaction, "insert into effects values ($1, $2)", context.WorkflowId, name) * value));

    public void Dispose() => _database.Dispose();

    protected override Task<long> ExecutedAsync(string run, string step, CancellationToken ct)
    {
        var isRecorded = IsRecorded(run, step);
        return _database.WriteAsync(
            transaction =>
            {
                Execute(transaction, "insert into executions values ($1, $2, $3)", run, step, isRecorded);
                using var count = Command(transaction, "select count(*) from executions where run = $1 and step = $2", run, step);
                return (long)count.ExecuteScalar()!;
            },
            ct);
    }

    private bool IsRecorded(string run, string step)
    {
        using var connection = new SqliteConnection($"Data Source={Journal};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from steps where run_id = $1 and key = $2";
        command.Parameters.AddWithValue("$1", run);
        command.Parameters.AddWithValue("$2", step);
        return (long)command.ExecuteScalar()! > 0;
    }

    private static int Execute(SqliteTransaction transaction, string sql, params object[] values)
    {
        using var command = Command(transaction, sql, values);
        return command.ExecuteNonQuery();
    }

    private static SqliteCommand Command(SqliteTransaction transaction, string sql, params object[] values)
    {
        var command = new SqliteCommand(sql, transaction.Connection, transaction);
        for (var i = 0; i < values.Length; i++)
            command.Parameters.AddWithValue($"${i + 1}", values[i]);
        return command;
    }
}
