using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Changes;

/// <summary>
/// The keys that a run has seen, each with the one record that counts, in the temporary table <c>seen</c>. Of several records with one key the one that
/// was changed last counts, where all of them say when that was; else the one that came last, by page and place, not by when it was fetched.
/// </summary>
/// <param name="All">All keys.</param>
/// <param name="Others">Keys of records that are gone or cannot be taken, by what became of them.</param>
/// <param name="Repeated">Keys that came more than once.</param>
/// <param name="Duplicates">Keys whose records differ.</param>
internal sealed record SeenKeys(long All, IReadOnlyDictionary<string, long> Others, long Repeated, long Duplicates)
{
    /// <summary>Keys of records that are there and cannot be taken.</summary>
    public long Quarantined => Others.GetValueOrDefault("quarantined");

    /// <summary>Keys of records that are there.</summary>
    public long Present => All - Others.Values.Sum() + Quarantined;

    /// <summary>Collects the keys of a run's staging.</summary>
    public static SeenKeys Collect(SqliteTransaction transaction, DatasetSql sql, PipelineRun run)
    {
        transaction.Execute(DatasetSql.CreateSeen);
        transaction.Execute(sql.FillSeen, run.Parameters);
        long duplicates = 0;
        var repeated = transaction.Count(DatasetSql.CountRepeated);
        // The passes over staging that pick among several records are spared where each came once.
        if (repeated > 0)
        {
            transaction.Execute(sql.PickAmongRepeated, run.Parameters);
            duplicates = transaction.Count(sql.CountDuplicates, run.Parameters);
        }
        // Nearly all are present: to group those too would be to sort them.
        var others = transaction.Query(DatasetSql.CountOthers, row => (State: row.GetString(0), Keys: row.GetInt64(1)));
        return new SeenKeys(transaction.Count(DatasetSql.CountSeen), others.ToDictionary(row => row.State, row => row.Keys), repeated, duplicates);
    }
}
