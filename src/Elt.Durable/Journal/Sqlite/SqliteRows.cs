using Microsoft.Data.Sqlite;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>Questions to the journal.</summary>
internal static class SqliteRows
{
    private const string RunColumns =
        "id, workflow, version, status, input, output, error, queue, parent_id, epoch, recoveries, owner, due_at, created_at, started_at, completed_at, "
        + "deadline_at, queue_key, deduplication_id, schedule, forked_from";

    public static RunInfo? FindRun(SqliteStatements journal, string runId) =>
        journal.Query($"select {RunColumns} from runs where id = $1", ReadRun, runId).FirstOrDefault();

    public static IReadOnlyList<RunInfo> ListRuns(SqliteStatements journal, RunFilter filter)
    {
        var conditions = Conditions(filter).AddPage(filter);
        object?[] values = [.. conditions.Values, filter.Page];
        return journal.Query($"select {RunColumns} from runs {conditions.Where} order by created_at desc, id desc limit ${values.Length}", ReadRun, values);
    }

    public static IReadOnlyDictionary<RunStatus, long> CountRuns(SqliteStatements journal, RunFilter filter)
    {
        var conditions = Conditions(filter);
        return journal.Query(
            $"select status, count(*) from runs {conditions.Where} group by status",
            r => KeyValuePair.Create(RunStatusText.Parse(r.GetString(0)), r.GetInt64(1)),
            [.. conditions.Values]).ToDictionary();
    }

    internal static RunConditions Conditions(RunFilter filter)
    {
        var conditions = new RunConditions(time => SqliteStore.Microseconds(time)).Add(filter);
        if (filter.Statuses.Count > 0)
            conditions.Add("status in (select value from json_each({0}))", SqliteStore.JsonArray(filter.Statuses.Select(s => s.ToText())));
        if (filter.IdPrefix is { } prefix)
            conditions.Add("id >= {0} and id < {0} || char(1114111)", prefix);
        if (filter.ErrorText is { } text)
            conditions.Add("instr(lower(json_extract(error, '$.type') || char(10) || json_extract(error, '$.message')), lower({0})) > 0", text);
        return conditions;
    }

    public static RunHistory ReadHistory(SqliteStatements journal, string runId)
    {
        var wakeCount = journal.Query("select wake_count from runs where id = $1", r => r.GetInt64(0), runId).FirstOrDefault();
        var steps = journal.Query(
            "select key, kind, status, result, error, attempts, started_at, completed_at from steps where run_id = $1 order by completed_at, key",
            r => new StepInfo
            {
                Key = r.GetString(0),
                Kind = Enum.Parse<StepKind>(r.GetString(1), ignoreCase: true),
                Status = RunStatusText.Parse(r.GetString(2)),
                Result = r.TextOrNull(3),
                Error = ErrorJson.Read(r.TextOrNull(4)),
                Attempts = r.GetInt32(5),
                StartedAt = r.Time(6),
                CompletedAt = r.Time(7),
            },
            runId);
        var attempts = journal.Query(
            "select key, attempt, error, failed_at, retry_at from step_attempts where run_id = $1",
            r => new StepAttempt(r.GetString(0), r.GetInt32(1), ErrorJson.Read(r.GetString(2))!, r.Time(3), r.Time(4)),
            runId);
        var children = journal.Query(
            "select id from runs where parent_id = $1 and status in ('ENQUEUED', 'RUNNING', 'WAITING')", r => r.GetString(0), runId);
        return new RunHistory(wakeCount, steps, attempts, children);
    }

    private static RunInfo ReadRun(SqliteDataReader r) => new()
    {
        Id = r.GetString(0),
        Workflow = r.GetString(1),
        Version = r.GetInt32(2),
        Status = RunStatusText.Parse(r.GetString(3)),
        Input = r.GetString(4),
        Output = r.TextOrNull(5),
        Error = ErrorJson.Read(r.TextOrNull(6)),
        Queue = r.TextOrNull(7),
        ParentId = r.TextOrNull(8),
        Epoch = r.GetInt64(9),
        Recoveries = r.GetInt32(10),
        Owner = r.TextOrNull(11),
        DueAt = r.TimeOrNull(12),
        CreatedAt = r.Time(13),
        StartedAt = r.TimeOrNull(14),
        CompletedAt = r.TimeOrNull(15),
        DeadlineAt = r.TimeOrNull(16),
        QueueKey = r.TextOrNull(17),
        DeduplicationId = r.TextOrNull(18),
        Schedule = r.TextOrNull(19),
        ForkedFrom = r.TextOrNull(20),
    };
}
