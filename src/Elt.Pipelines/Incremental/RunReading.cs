using Elt.Pipelines.Sources;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Incremental;

/// <summary>What a run reads.</summary>
/// <param name="IsFull">Whether it reads everything.</param>
/// <param name="Reason">Why it does.</param>
/// <param name="Pass">0, or 1 when the run began again with everything.</param>
/// <param name="Source">Hash of connector and settings.</param>
/// <param name="Cursor">What it asks for changes by.</param>
/// <param name="BegunAt">When the pass began.</param>
internal sealed record RunReading(bool IsFull, string? Reason, int Pass, string Source, string? Cursor, DateTimeOffset BegunAt)
{
    /// <summary>What its source is asked for.</summary>
    public Reading Reading => new(Cursor);

    /// <summary>What the journal may know of it.</summary>
    public ReadingChoice Choice => new(IsFull ? ReadingChoice.Full : ReadingChoice.Incremental, Reason);

    /// <summary>What a run reads; <see langword="null"/> for the plain list.</summary>
    public static RunReading? Find(SqliteConnection connection, PipelineRun run)
    {
        using var command = connection.Command(
            """
            select mode, reason, pass, source_sha256, cursor, begun_at from run_readings
            where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
            """,
            run.Parameters);
        using var row = command.ExecuteReader();
        return row.Read()
            ? new RunReading(row.GetString(0) == ReadingChoice.Full, row.Text(1), row.GetInt32(2), row.GetString(3), row.Text(4), row.Time(5)!.Value)
            : null;
    }

    /// <summary>Refuses a page of a pass that is over.</summary>
    /// <exception cref="RunStateException">It is.</exception>
    public static void EnsurePass(SqliteTransaction transaction, PipelineRun run, SourcePage page)
    {
        if (Find(transaction.Connection!, run) is { } reading && reading.Pass != page.Pass)
            throw new RunStateException($"Page {page.Page} of {run.Integration} is of a pass that is over: run '{run.RunId}' reads everything since.");
    }
}

/// <summary>Whether a run reads everything or only changes.</summary>
/// <param name="Mode"><c>full</c> or <c>incremental</c>.</param>
/// <param name="Reason">Why everything, for an integration that is read incrementally.</param>
internal sealed record ReadingChoice(string Mode, string? Reason = null)
{
    public const string Full = "full";
    public const string Incremental = "incremental";
}
