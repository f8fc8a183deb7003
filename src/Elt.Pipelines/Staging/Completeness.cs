using Elt.Pipelines.Sources;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Staging;

/// <summary>
/// What the staged pages of a run prove about its extract. Complete means: pages from 1 without a gap, the source's end mark on the last one,
/// and as many different keys as the source declared, where it declares a number.
/// </summary>
internal sealed record Completeness
{
    /// <summary>Pages staged.</summary>
    public required int Pages { get; init; }

    /// <summary>Highest page number.</summary>
    public required int HighestPage { get; init; }

    /// <summary>Whether the highest page carries the end mark.</summary>
    public required bool Ended { get; init; }

    /// <summary>Rows staged, the same key counted as often as it came.</summary>
    public required long Rows { get; init; }

    /// <summary>Records without a usable key.</summary>
    public required long UnreadableKeys { get; init; }

    /// <summary>Smallest total that a page declared, if any did.</summary>
    public required long? LowestTotal { get; init; }

    /// <summary>Greatest total that a page declared, if any did.</summary>
    public required long? HighestTotal { get; init; }

    /// <summary>Whether each page declared a total.</summary>
    public required bool EachDeclares { get; init; }

    /// <summary>What it says of a record that it is not among those read.</summary>
    public required AbsenceProof Absence { get; init; }

    /// <summary>Whether records are gone only by the source's own marks, because only changes were read.</summary>
    public bool AbsenceSaysNothing => Absence == AbsenceProof.Nothing;

    /// <summary>
    /// Why a record that was not read may be there all the same, or <see langword="null"/> when its absence from a complete extract proves that it is gone.
    /// </summary>
    public string? AbsenceDoubt => this switch
    {
        { AbsenceSaysNothing: true } => null,
        { Drifted: true } => $"the source's total changed from {LowestTotal} to {HighestTotal} (or back) while it was read",
        { Absence: AbsenceProof.AfterTwoRuns } => "a record can move, while the source is read, to a page that was read before",
        { Absence: AbsenceProof.WhenTotalHolds, EachDeclares: false } => "no total on each page proves that none moved to a page that was read before",
        _ => null,
    };

    /// <summary>Whether the source's declared total changed while its pages were read: rows may have moved between pages.</summary>
    private bool Drifted => LowestTotal != HighestTotal;

    /// <summary>Reads the record of a run's pages.</summary>
    public static Completeness Of(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        """
        with pages as (
          select * from extract_pages where organization_id = $org and connected_integration_id = $integration and workflow_id = $run)
        select count(*), coalesce(max(page), 0), coalesce(sum(rows), 0), coalesce(sum(unreadable_keys), 0),
          min(declared_total), max(declared_total), coalesce((select is_last from pages order by page desc limit 1), 0),
          count(declared_total) = count(*), coalesce(max(absence), 0)
        from pages
        """,
        row => new Completeness
        {
            Pages = row.GetInt32(0),
            HighestPage = row.GetInt32(1),
            Rows = row.GetInt64(2),
            UnreadableKeys = row.GetInt64(3),
            LowestTotal = row.Number(4),
            HighestTotal = row.Number(5),
            Ended = row.GetBoolean(6),
            EachDeclares = row.GetBoolean(7),
            Absence = (AbsenceProof)row.GetInt32(8),
        },
        run.Parameters)[0];

    /// <exception cref="IncompleteExtractException">The extract is not complete.</exception>
    /// <param name="run">The run that read it.</param>
    /// <param name="keys">Different keys staged.</param>
    public void EnsureComplete(PipelineRun run, long keys)
    {
        if (Gap(keys) is { } gap)
        {
            throw new IncompleteExtractException(
                $"The extract of {run.Integration} by run '{run.RunId}' is not complete: {gap}. Nothing was applied; the next run reads anew.");
        }
    }

    /// <summary>Why the extract is not complete, or <see langword="null"/> when it is.</summary>
    /// <param name="keys">Different keys staged.</param>
    public string? Gap(long keys)
    {
        if (Pages != HighestPage)
            return $"{Pages} of the pages 1 to {HighestPage} are staged";
        if (!Ended)
            return $"the source's end was not reached after {Pages} pages";
        var seen = keys + UnreadableKeys;
        if (seen < LowestTotal || seen > HighestTotal)
            return $"the source declares {(Drifted ? $"{LowestTotal} to {HighestTotal}" : LowestTotal)} records, {seen} different ones were read";
        return null;
    }
}

/// <summary>An extract is not proven to be complete: nothing of it is applied.</summary>
/// <param name="message">What is missing.</param>
public sealed class IncompleteExtractException(string message) : Exception(message);
