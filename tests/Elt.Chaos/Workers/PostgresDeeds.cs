using Elt.Durable;
using Elt.Durable.Hosting;
using Elt.Durable.Ledger;
using Npgsql;

namespace Elt.Chaos.Workers;

/// <summary>Deeds in Postgres, in the journal's own database.</summary>
internal sealed class PostgresDeeds(NpgsqlDataSource dataSource, Lazy<DurableHealth> health, TimeSpan pause) : Deeds(pause)
{
    private readonly PostgresDatabase _database = new(dataSource);

    public static string Tables =>
        """
        create table public.executions (run text not null, step text not null, late boolean not null);
        create index on public.executions (run, step);
        create table public.effects (run text not null, step text not null);
        """;

    public override Task<int> EffectAsync(WorkflowContext context, string name, int value) => context.TransactionAsync(name, _database, async (transaction, ct) =>
    {
        await using var insert = new NpgsqlCommand("insert into public.effects values ($1, $2)", transaction.Connection, transaction);
        insert.Parameters.Add(new() { Value = context.WorkflowId });
        insert.Parameters.Add(new() { Value = name });
        await insert.ExecuteNonQueryAsync(ct);
        return value;
    });

    protected override async Task<long> ExecutedAsync(string run, string step, CancellationToken ct)
    {
        // A worker that lost the run without knowing it yet may execute what the new owner has recorded: that cannot be prevented. The owner itself may not.
        await using var insert = dataSource.CreateCommand(
            """
            with before as (select count(*) as executions from public.executions where run = $1 and step = $2),
            now as (
              insert into public.executions
              select $1, $2, exists (select from durable.steps where run_id = $1 and key = $2) and exists (select from durable.runs where id = $1 and owner = $3))
            select executions + 1 from before
            """);
        insert.Parameters.Add(new() { Value = run });
        insert.Parameters.Add(new() { Value = step });
        insert.Parameters.Add(new() { Value = health.Value.WorkerId });
        return (long)(await insert.ExecuteScalarAsync(ct))!;
    }
}
