using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Changes;

/// <summary>
/// The keys that a run has seen, each with the one record that counts, in the temporary table <c>seen</c>. Of several records with one key the one that
/// was changed last counts, where all of them say when that was; else the one that came last, by page and place, not by when it was fetched.
/// </summary>
/// <param name="ByState">Keys by what became of their records.</param>
/// <param name="Duplicates">Keys whose records differ.</param>
internal sealed record SeenKeys(IReadOnlyDictionary<string, long> ByState, long Duplicates)
{
    /// <summary>All keys.</summary>
    public long All => ByState.Values.Sum();

    /// <summary>Keys of records that are there and cannot be taken.</summary>
    public long Quarantined => ByState.GetValueOrDefault("quarantined");

    /// <summary>Keys of records that are there.</summary>
    public long Present => ByState.GetValueOrDefault("present") + Quarantined;

    /// <summary>Collects the keys of a run's staging.</summary>
    public static SeenKeys Collect(SqliteTransaction transaction, DatasetSql sql, PipelineRun run)
    {
        transaction.Execute(DatasetSql.CreateSeen);
        transaction.Execute(sql.FillSeen, run.Parameters);
        long duplicates = 0;
        // The passes over staging that pick among several records are spared where each came once.
        if (transaction.Count(DatasetSql.CountRepeated) > 0)
        {
            transaction.Execute(sql.PickAmongRepeated, run.Parameters);
            duplicates = transaction.Count(sql.CountDuplicates, run.Parameters);
        }
        var states = transaction.Query(DatasetSql.CountSeen, row => (State: row.GetString(0), Keys: row.GetInt64(1)));
        return new SeenKeys(states.ToDictionary(row => row.State, row => row.Keys), duplicates);
    }
}
