using Elt.Pipelines.Integrations;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Changes;

/// <summary>The last change of a record.</summary>
/// <param name="ExternalId">Its key at the source.</param>
/// <param name="Id">Its own id.</param>
/// <param name="Deleted">Whether it is gone.</param>
/// <param name="Values">The dataset's columns in their order; what they were before when it is gone.</param>
internal sealed record Change(string ExternalId, string Id, bool Deleted, IReadOnlyList<string?> Values);

/// <summary>
/// What a destination has to take over from the warehouse, read from one snapshot and streamed. It spans all applied runs since the
/// destination's watermark, not only the last one: a run may have failed after it was applied and before it was synced.
/// </summary>
internal sealed class ChangeLog : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteTransaction _snapshot;
    private readonly DatasetSql _sql;

    private ChangeLog(SqliteConnection connection, Datasets.DatasetLibrary datasets, IntegrationKey integration, string runId)
    {
        _connection = connection;
        _snapshot = connection.BeginTransaction(deferred: true);
        WarehouseId = _snapshot.Query("select warehouse_id from warehouse_identity", row => row.GetString(0))[0];
        Run = PipelineRuns.Find(connection, integration, runId) is { } run && PipelineRuns.StateOf(connection, run) == "applied"
            ? run
            : throw new RunStateException($"Run '{runId}' of {integration} is not applied yet: start apply-to-latest first.");
        Dataset = datasets.Get(PipelineRuns.FindDataset(connection, integration, runId)!);
        _sql = new DatasetSql(Dataset);
    }

    /// <summary>What the run feeds.</summary>
    public Dataset Dataset { get; }

    /// <summary>The run that syncs.</summary>
    public PipelineRun Run { get; }

    /// <summary>The file that numbers the runs: watermarks of another one mean nothing here.</summary>
    public string WarehouseId { get; }

    /// <summary>Takes a snapshot for a run.</summary>
    /// <exception cref="RunStateException">The run is not applied, or its dataset is not declared any more.</exception>
    public static ChangeLog Open(WarehouseFile warehouse, IntegrationKey integration, string runId)
    {
        var connection = warehouse.Database.OpenRead();
        try
        {
            return new ChangeLog(connection, warehouse.Datasets, integration, runId);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>The last change of each record in the applied runs after a watermark, up to the run that syncs.</summary>
    public IEnumerable<Change> Since(long watermark) => Read(_sql.ReadChanges, [.. Run.Parameters, ("$after", watermark), ("$upto", Run.Seq)]);

    /// <summary>All records of the latest state, for a destination that has none.</summary>
    public IEnumerable<Change> Everything() => Read(_sql.ReadLatest, Run.Parameters);

    /// <inheritdoc/>
    public void Dispose()
    {
        _snapshot.Dispose();
        _connection.Dispose();
    }

    private IEnumerable<Change> Read(string sql, (string, object?)[] parameters)
    {
        using var command = _connection.Command(sql, parameters);
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            var values = new string?[Dataset.Columns.Count];
            for (var i = 0; i < values.Length; i++)
                values[i] = row.Text(i + 3);
            yield return new Change(row.GetString(0), row.GetString(1), row.GetBoolean(2), values);
        }
    }
}
