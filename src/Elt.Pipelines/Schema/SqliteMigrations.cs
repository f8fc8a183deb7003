using Elt.Durable.Ledger;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Schema;

/// <summary>Brings a SQLite file up to date.</summary>
internal static class SqliteMigrations
{
    /// <summary>Applies what is missing, all of it or nothing.</summary>
    public static Task<int> ApplyAsync(SqliteDatabase database, string store, CancellationToken ct) => database.WriteAsync(
        transaction =>
        {
            transaction.Execute(
                """
                create table if not exists elt_migrations (
                  store text not null,
                  version integer not null,
                  name text not null,
                  sha256 text not null,
                  applied_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
                  primary key (store, version)) without rowid
                """);
            var applied = transaction
                .Query(
                    "select version, sha256 from elt_migrations where store = $store",
                    row => (Version: row.GetInt32(0), Hash: row.GetString(1)), ("$store", store))
                .ToDictionary(row => row.Version, row => row.Hash);
            var pending = MigrationScript.Pending(MigrationScript.Of(store), applied).ToList();
            foreach (var script in pending)
            {
                transaction.Execute(script.Sql);
                transaction.Execute(
                    "insert into elt_migrations (store, version, name, sha256) values ($store, $version, $name, $hash)",
                    ("$store", store), ("$version", script.Version), ("$name", script.Name), ("$hash", script.Hash));
            }
            return pending.Count;
        },
        ct);
}
