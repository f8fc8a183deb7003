using Npgsql;

namespace Elt.Pipelines.Schema;

/// <summary>Brings the schema <c>elt</c> of a Postgres database up to date.</summary>
internal static class PostgresMigrations
{
    /// <summary>The schema of all our tables in Postgres.</summary>
    public const string SchemaName = "elt";

    /// <summary>Applies what is missing, all of it or nothing; safe when many processes do it at once.</summary>
    public static async Task ApplyAsync(NpgsqlDataSource dataSource, string store, CancellationToken ct)
    {
        await using var connection = await dataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        await LockAsync(connection, ct).ConfigureAwait(false);
        await ExecuteAsync(
            connection,
            """
            create schema if not exists elt;
            create table if not exists elt.migrations (
              store text not null,
              version integer not null,
              name text not null,
              sha256 text not null,
              applied_at timestamptz not null default now(),
              primary key (store, version))
            """,
            ct).ConfigureAwait(false);
        foreach (var script in MigrationScript.Pending(MigrationScript.Of(store), await AppliedAsync(connection, store, ct).ConfigureAwait(false)))
        {
            await ExecuteAsync(connection, script.Sql, ct).ConfigureAwait(false);
            await ExecuteAsync(
                connection, "insert into elt.migrations (store, version, name, sha256) values ($1, $2, $3, $4)", ct,
                store, script.Version, script.Name, script.Hash).ConfigureAwait(false);
        }
        await transaction.CommitAsync(ct).ConfigureAwait(false);
    }

    private static async Task<Dictionary<int, string>> AppliedAsync(NpgsqlConnection connection, string store, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select version, sha256 from elt.migrations where store = $1", connection)
        {
            Parameters = { new() { Value = store } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var applied = new Dictionary<int, string>();
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
            applied[reader.GetInt32(0)] = reader.GetString(1);
        return applied;
    }

    /// <summary>Lets one process at a time change tables, until its transaction ends.</summary>
    internal static Task LockAsync(NpgsqlConnection connection, CancellationToken ct) =>
        ExecuteAsync(connection, "select pg_advisory_xact_lock(hashtext('elt.migrations'))", ct);

    internal static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }
}
