using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.History;

/// <summary>
/// Keeps every version of every record (a slowly changing dimension of type 2): one current version of a record that is there, none of one
/// that is gone. A record that is unchanged is not written.
/// </summary>
internal sealed class RecordHistory(Dataset dataset)
{
    private readonly HistorySql _sql = new(dataset);

    /// <summary>Closes and opens the versions that a run's changes end and begin; once a run, in the transaction that applies them.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="run">The run.</param>
    /// <param name="now">When it is applied, as the warehouse spells it.</param>
    public void Follow(SqliteTransaction transaction, PipelineRun run, string now)
    {
        (string, object?)[] parameters = [.. run.Parameters, ("$now", now)];
        if (transaction.Count(_sql.Any, run.Parameters) == 0)
        {
            transaction.Execute(_sql.OpenFirst, parameters);
            return;
        }
        transaction.Execute(_sql.Close, parameters);
        transaction.Execute(_sql.OpenNext, parameters);
    }
}
