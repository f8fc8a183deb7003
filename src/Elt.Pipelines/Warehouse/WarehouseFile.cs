using Elt.Durable.Ledger;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Schema;

namespace Elt.Pipelines.Warehouse;

/// <summary>The SQLite file that holds staging, changes and latest. Look into it with <c>sqlite3</c> whenever you like.</summary>
public sealed class WarehouseFile : IDisposable
{
    // Rows are long and come in thousands: of small pages each holds a dozen, and a tree of them is twice as deep.
    private const int PageSize = 16 * 1024;

    /// <param name="path">The file; its folder must exist, the file is created when missing.</param>
    public WarehouseFile(string path)
        : this(path, new DatasetLibrary())
    {
    }

    internal WarehouseFile(string path, DatasetLibrary datasets)
    {
        Database = new SqliteDatabase(path, SqliteText.Register, PageSize);
        Datasets = datasets;
    }

    /// <summary>The file as a database of transactional steps.</summary>
    internal SqliteDatabase Database { get; }

    /// <summary>What it holds tables for.</summary>
    internal DatasetLibrary Datasets { get; }

    /// <summary>Creates or updates the tables; call once at start, before any run.</summary>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="SchemaException">
    /// The file was written by a newer version, a released migration was edited, or a column of a dataset is declared with another type than it holds.
    /// </exception>
    public async Task InitializeAsync(CancellationToken ct = default)
    {
        await SqliteMigrations.ApplyAsync(Database, "Warehouse/Migrations", ct).ConfigureAwait(false);
        await SqliteTables.EnsureAsync(Database, Datasets.All.SelectMany(WarehouseTables.Of), ct).ConfigureAwait(false);
    }

    /// <summary>Proves that the file can be read and written.</summary>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="System.Data.Common.DbException">It cannot; the message says why.</exception>
    public Task CheckAsync(CancellationToken ct = default) =>
        Database.WriteAsync(transaction => transaction.Count("select count(*) from warehouse_identity"), ct);

    /// <inheritdoc/>
    public void Dispose() => Database.Dispose();
}
