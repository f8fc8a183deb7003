using Npgsql;
using NpgsqlTypes;

namespace Elt.Durable.Journal.Postgres;

/// <summary>Questions to the journal.</summary>
internal sealed class PostgresReader(NpgsqlDataSource dataSource)
{
    private const string RunColumns =
        "id, workflow, version, status, input, output, error, queue, parent_id, epoch, recoveries, owner, due_at, created_at, started_at, completed_at, "
        + "deadline_at, queue_key, deduplication_id, schedule, forked_from";

    private static readonly RunStatus[] Failed = [.. Enum.GetValues<RunStatus>().Where(status => status > RunStatus.Success)];

    public async Task<RunInfo?> FindRunAsync(string runId, CancellationToken ct) => await FindRunsAsync([runId], ct).ConfigureAwait(false) is [var run, ..] ? run : null;

    public async Task<IReadOnlyList<RunInfo>> FindRunsAsync(string[] runIds, CancellationToken ct)
    {
        await using var command = dataSource.CreateCommand($"select {RunColumns} from durable.runs where id = any ($1)");
        command.Parameters.Add(new() { Value = runIds });
        return await ReadRunsAsync(command, ct).ConfigureAwait(false);
    }

    /// <summary>The runs that hold deduplication ids, given as (queue, id) pairs.</summary>
    public async Task<IReadOnlyList<RunInfo>> FindHoldersAsync(string[] queues, string[] deduplicationIds, CancellationToken ct)
    {
        await using var command = dataSource.CreateCommand(
            $"select {RunColumns} from durable.runs where (queue, deduplication_id) in (select * from unnest($1::text[], $2::text[])) and completed_at is null");
        command.Parameters.Add(new() { Value = queues });
        command.Parameters.Add(new() { Value = deduplicationIds });
        return await ReadRunsAsync(command, ct).ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<RunInfo>> ListRunsAsync(RunFilter filter, CancellationToken ct)
    {
        var conditions = Conditions(filter).AddPage(filter);
        await using var command = Command(ListSql(filter, conditions), conditions);
        return await ReadRunsAsync(command, ct).ConfigureAwait(false);
    }

    public async Task<IReadOnlyDictionary<RunStatus, long>> CountRunsAsync(RunFilter filter, CancellationToken ct)
    {
        var conditions = Conditions(filter);
        await using var command = Command(CountSql(filter, conditions), conditions);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var counts = await PostgresStore.ReadAllAsync(reader, r => KeyValuePair.Create(RunStatusText.Parse(r.GetString(0)), r.GetInt64(1)), ct).ConfigureAwait(false);
        return counts.ToDictionary();
    }

    public async Task<RunHistory> ReadHistoryAsync(string runId, CancellationToken ct)
    {
        // The count of wake-ups is read first, in a snapshot before that of the steps: what a later wake-up tells may be missing, never the other way.
        await using var batch = dataSource.CreateBatch();
        foreach (var sql in new[]
        {
            "select wake_count from durable.runs where id = $1",
            "select key, kind, status, result, error, attempts, started_at, completed_at from durable.steps where run_id = $1 order by completed_at, key",
            "select key, attempt, error, failed_at, retry_at from durable.step_attempts where run_id = $1",
            "select id from durable.runs where parent_id = $1 and status in ('ENQUEUED', 'RUNNING', 'WAITING')",
        })
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new() { Value = runId } } });
        }
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var wakeCount = await reader.ReadAsync(ct).ConfigureAwait(false) ? reader.GetInt64(0) : 0;
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        var steps = await PostgresStore.ReadAllAsync(reader, ReadStep, ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        var attempts = await PostgresStore.ReadAllAsync(
            reader,
            r => new StepAttempt(r.GetString(0), r.GetInt32(1), ErrorJson.Read(r.GetString(2))!, r.Time(3), r.Time(4)),
            ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        return new RunHistory(wakeCount, steps, attempts, await PostgresStore.ReadAllAsync(reader, r => r.GetString(0), ct).ConfigureAwait(false));
    }

    /// <summary>Of (run, key, epoch) triples, those that are in the table under just that epoch.</summary>
    public async Task<HashSet<(string Run, string Key)>> RecordedAsync(
        string table, string[] runs, string[] keys, long[] epochs, CancellationToken ct)
    {
        await using var command = dataSource.CreateCommand(
            $"select s.run_id, s.key from durable.{table} s join unnest($1, $2, $3) as i(run_id, key, epoch) on s.run_id = i.run_id and s.key = i.key and s.epoch = i.epoch");
        command.Parameters.Add(new() { Value = runs });
        command.Parameters.Add(new() { Value = keys });
        command.Parameters.Add(new() { Value = epochs, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        return [.. await PostgresStore.ReadAllAsync(reader, r => (r.GetString(0), r.GetString(1)), ct).ConfigureAwait(false)];
    }

    internal static string ListSql(RunFilter filter, RunConditions conditions)
    {
        var order = $"order by created_at desc, id desc limit {filter.Page}";
        return $"select * from ({OfEachPart(filter, part => $"select {RunColumns} from durable.runs {conditions.WhereAnd(part)} {order}")}) as runs {order}";
    }

    private static string CountSql(RunFilter filter, RunConditions conditions) =>
        OfEachPart(filter, part => $"select status, count(*) from durable.runs {conditions.WhereAnd(part)} group by status");

    /// <summary>A query over the runs that live and one over those that ended, which have indexes of their own; only those of them that the filter can mean.</summary>
    private static string OfEachPart(RunFilter filter, Func<string, string> query)
    {
        var parts = new List<string>();
        if (filter.Statuses.Count > 0 ? filter.Statuses.Any(s => !s.IsFinal()) : filter.ErrorText is null)
            parts.Add("completed_at is null");
        if (filter.MeansOnlyFailed)
            parts.AddRange(Failed.Where(s => filter.Statuses.Count == 0 || filter.Statuses.Contains(s)).Select(s => $"completed_at is not null and status = '{s.ToText()}'"));
        else if (filter.Statuses.Count == 0 || filter.Statuses.Any(s => s.IsFinal()))
            parts.Add(HasIndex(filter) ? "completed_at is not null" : "completed_at > '-infinity'");
        return string.Join(" union all ", parts.DefaultIfEmpty("false").Select(part => $"({query(part)})"));
    }

    /// <summary>Whether the runs that ended have an index for what the filter asks; else the one of all of them is walked, which is chosen by its condition.</summary>
    private static bool HasIndex(RunFilter filter) => filter is not { Workflow: null, Queue: null, Schedule: null, ParentId: null };

    internal static RunConditions Conditions(RunFilter filter)
    {
        var conditions = new RunConditions(time => time.UtcDateTime).Add(filter);
        if (filter.Statuses.Count > 0)
            conditions.Add("status = any ({0})", (object)filter.Statuses.Select(s => s.ToText()).ToArray());
        if (filter.IdPrefix is { } prefix)
            conditions.Add("starts_with(id, {0})", prefix);
        if (filter.ErrorText is { } text)
            conditions.Add("position(lower({0}) in lower(concat_ws(E'\\n', error::json ->> 'type', error::json ->> 'message'))) > 0", text);
        return conditions;
    }

    private NpgsqlCommand Command(string sql, RunConditions conditions)
    {
        var command = dataSource.CreateCommand(sql);
        foreach (var value in conditions.Values)
            command.Parameters.Add(new() { Value = value });
        return command;
    }

    private static StepInfo ReadStep(NpgsqlDataReader reader) => new()
    {
        Key = reader.GetString(0),
        Kind = Enum.Parse<StepKind>(reader.GetString(1), ignoreCase: true),
        Status = RunStatusText.Parse(reader.GetString(2)),
        Result = reader.TextOrNull(3),
        Error = ErrorJson.Read(reader.TextOrNull(4)),
        Attempts = reader.GetInt32(5),
        StartedAt = reader.Time(6),
        CompletedAt = reader.Time(7),
    };

    private static async Task<IReadOnlyList<RunInfo>> ReadRunsAsync(NpgsqlCommand command, CancellationToken ct)
    {
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        return await PostgresStore.ReadAllAsync(
            reader,
            r => new RunInfo
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
            },
            ct).ConfigureAwait(false);
    }
}
