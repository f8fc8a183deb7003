using System.Diagnostics;
using System.Text.Json;
using Elt.Service.Demo;
using Npgsql;
using NpgsqlTypes;

namespace Elt.Benchmarks.Pipeline;

/// <summary>The yardstick: the same rows by binary COPY into a temporary table and from there into a table like the destination's, in one transaction.</summary>
internal static class BareLoad
{
    private const string Table =
        """
        create table if not exists bare_users (organization_id text not null, connected_integration_id text not null, external_id text not null, id uuid not null,
          name text, email text, attributes jsonb, last_seq bigint not null, updated_at timestamptz not null default now(),
          primary key (organization_id, connected_integration_id, external_id));
        truncate bare_users
        """;

    private const string Merge =
        """
        insert into bare_users (organization_id, connected_integration_id, external_id, id, name, email, attributes, last_seq)
        select organization_id, connected_integration_id, external_id, id, name, email, attributes::jsonb, last_seq from loaded
        on conflict (organization_id, connected_integration_id, external_id) do update set name = excluded.name, email = excluded.email, attributes = excluded.attributes
        """;

    /// <returns>How long it took.</returns>
    public static async Task<TimeSpan> MeasureAsync(string connectionString, IReadOnlyList<DemoUser> users, CancellationToken ct)
    {
        var rows = users.Select(user => (user, Id: Guid.CreateVersion7(), Attributes: JsonSerializer.Serialize(new { user.Active, user.Department, user.Title }))).ToArray();
        await using var dataSource = NpgsqlDataSource.Create(connectionString);
        await using var connection = await dataSource.OpenConnectionAsync(ct);
        await ExecuteAsync(connection, Table, ct);
        var begun = Stopwatch.GetTimestamp();
        await using (var transaction = await connection.BeginTransactionAsync(ct))
        {
            await ExecuteAsync(connection, "create temp table loaded (organization_id text, connected_integration_id text, external_id text, id uuid, name text, email text, attributes text, last_seq bigint) on commit drop", ct);
            await using (var copy = await connection.BeginBinaryImportAsync("copy loaded from stdin (format binary)", ct))
            {
                long number = 0;
                foreach (var (user, id, attributes) in rows)
                {
                    await copy.StartRowAsync(ct);
                    await copy.WriteAsync("org-001", NpgsqlDbType.Text, ct);
                    await copy.WriteAsync("bench", NpgsqlDbType.Text, ct);
                    await copy.WriteAsync(user.Id, NpgsqlDbType.Text, ct);
                    await copy.WriteAsync(id, NpgsqlDbType.Uuid, ct);
                    await copy.WriteAsync(user.Name, NpgsqlDbType.Text, ct);
                    await copy.WriteAsync(user.Email, NpgsqlDbType.Text, ct);
                    await copy.WriteAsync(attributes, NpgsqlDbType.Text, ct);
                    await copy.WriteAsync(++number, NpgsqlDbType.Bigint, ct);
                }
                await copy.CompleteAsync(ct);
            }
            await ExecuteAsync(connection, Merge, ct);
            await transaction.CommitAsync(ct);
        }
        return Stopwatch.GetElapsedTime(begun);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(ct);
    }
}
