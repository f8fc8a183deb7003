using Elt.Durable.Ledger;
using Elt.Pipelines.Schema;

namespace Elt.Pipelines.Warehouse;

/// <summary>The SQLite file that holds staging, changes and latest. Look into it with <c>sqlite3</c> whenever you like.</summary>
/// <param name="path">The file; its folder must exist, the file is created when missing.</param>
public sealed class WarehouseFile(string path) : IDisposable
{
    /// <summary>The file as a database of transactional steps.</summary>
    internal SqliteDatabase Database { get; } = new(path, SqliteText.Register);

    /// <summary>Creates or updates the tables; call once at start, before any run.</summary>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="SchemaException">The file was written by a newer version, or a released migration was edited.</exception>
    public Task InitializeAsync(CancellationToken ct = default) =>
        SqliteMigrations.ApplyAsync(Database, "Warehouse/Migrations", ct);

    /// <summary>Proves that the file can be read and written.</summary>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="System.Data.Common.DbException">It cannot; the message says why.</exception>
    public Task CheckAsync(CancellationToken ct = default) =>
        Database.WriteAsync(transaction => transaction.Count("select count(*) from warehouse_identity"), ct);

    /// <inheritdoc/>
    public void Dispose() => Database.Dispose();
}
