using System.Data.Common;
using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Sources.Budgets;

/// <summary>
/// What was granted and who waits, within one transaction that nobody else of the same scope runs beside. The statements are those that SQLite and Postgres have in common.
/// </summary>
/// <param name="transaction">The transaction.</param>
/// <param name="schema">What stands before the tables' names.</param>
/// <param name="now">The time by the clock that all share, in milliseconds.</param>
internal sealed class BudgetBook(DbTransaction transaction, string schema, long now)
{
    // A request is counted until the end of the slot that it was sent in has left the window: a few rows stand for all, and never count too little.
    private const int SlotsPerWindow = 20;
    private const long DueSoonMillis = 1000;
    private const long GraceMillis = 10_000;

    /// <summary>Takes a place for a request, or puts it in the line.</summary>
    /// <returns>When to ask again, in milliseconds; <see langword="null"/> when the request may be sent now, once.</returns>
    public async Task<long?> TakeAsync(BudgetAsk ask, CancellationToken ct)
    {
        if (await PauseAsync(ask.Integration, ct).ConfigureAwait(false) is { } pause)
            return pause;
        if (ask.Rule is not null && await WaitAsync(ask, ct).ConfigureAwait(false) is { } wait)
            return wait;
        await ExecuteAsync(
            $"""
            update {schema}provider_windows set remaining = remaining - 1
            where organization_id = @org and connected_integration_id = @integration and resets_at > @now and remaining > 0
            """,
            Parameters(ask), ct).ConfigureAwait(false);
        return null;
    }

    /// <summary>Notes what a provider has said of its own count. Requests in flight meanwhile were counted here: of one window the least counts.</summary>
    public Task NoteAsync(IntegrationKey integration, ProviderWindow window, CancellationToken ct) => ExecuteAsync(
        $"""
        insert into {schema}provider_windows as w (organization_id, connected_integration_id, remaining, resets_at)
        values (@org, @integration, @remaining, @reset)
        on conflict (organization_id, connected_integration_id) do update set
          remaining = case when abs(excluded.resets_at - w.resets_at) > 1000 or excluded.remaining < w.remaining then excluded.remaining else w.remaining end,
          resets_at = excluded.resets_at
        """,
        [.. Key(integration), ("@remaining", window.Remaining), ("@reset", now + (long)window.UntilReset.TotalMilliseconds)], ct);

    private async Task<long?> PauseAsync(IntegrationKey integration, CancellationToken ct)
    {
        var resets = await QueryAsync(
            $"""
            select resets_at from {schema}provider_windows
            where organization_id = @org and connected_integration_id = @integration and resets_at > @now and remaining <= 0
            """,
            row => row.GetInt64(0), [.. Key(integration), ("@now", now)], ct).ConfigureAwait(false);
        return resets is [var at] ? at - now : null;
    }

    private async Task<long?> WaitAsync(BudgetAsk ask, CancellationToken ct)
    {
        var rule = ask.Rule!;
        var window = rule.PerSeconds * 1000L;
        var waiting = await QueryAsync(
            $"select request, since from {schema}request_waits where scope = @scope and tenant = @tenant and until > @now",
            row => (Request: row.GetString(0), Since: row.GetInt64(1)), Parameters(ask), ct).ConfigureAwait(false);
        var since = waiting.Find(request => request.Request == ask.Request) is { Request: not null } mine ? mine.Since : now;
        var tenant = new BudgetTenant(
            ask.Integration.OrganizationId, await UsedAsync(ask, ct).ConfigureAwait(false), waiting.Select(request => request.Since).Append(now).Min(), 0, 0);
        var line = new BudgetLine(
            rule.Requests, window, await GrantsAsync(ask, ct).ConfigureAwait(false), await OthersAsync(ask, ct).ConfigureAwait(false));
        var before = waiting.Count(request => (request.Since, request.Request).CompareTo((since, ask.Request)) < 0);
        if (line.Wait(tenant, before, now) is { } wait)
        {
            await LineUpAsync(ask, since, now + wait, ct).ConfigureAwait(false);
            return wait;
        }
        await GrantAsync(ask, window, ct).ConfigureAwait(false);
        return null;
    }

    private Task LineUpAsync(BudgetAsk ask, long since, long due, CancellationToken ct) => ExecuteAsync(
        $"""
        insert into {schema}request_waits (scope, tenant, request, since, due, until) values (@scope, @tenant, @request, @since, @due, @until)
        on conflict (scope, tenant, request) do update set since = excluded.since, due = excluded.due, until = excluded.until
        """,
        [.. Parameters(ask), ("@since", since), ("@due", due), ("@until", due + GraceMillis)], ct);

    /// <summary>Counts the request and moves its tenant to the end of the line.</summary>
    private async Task GrantAsync(BudgetAsk ask, long window, CancellationToken ct)
    {
        var slot = Math.Max(1, window / SlotsPerWindow);
        await ExecuteAsync(
            $"""
            delete from {schema}request_waits where scope = @scope and (until <= @now or tenant = @tenant and request = @request);
            update {schema}request_waits set since = @now where scope = @scope and tenant = @tenant;
            delete from {schema}request_grants where scope = @scope and until <= @now;
            insert into {schema}request_grants as g (scope, tenant, until, requests) values (@scope, @tenant, @until, 1)
            on conflict (scope, tenant, until) do update set requests = g.requests + 1
            """,
            [.. Parameters(ask), ("@until", (now / slot + 1) * slot + window)], ct).ConfigureAwait(false);
    }

    private Task<List<(long Until, long Requests)>> GrantsAsync(BudgetAsk ask, CancellationToken ct) => QueryAsync(
        $"select until, cast(sum(requests) as bigint) from {schema}request_grants where scope = @scope and until > @now group by until order by until",
        row => (row.GetInt64(0), row.GetInt64(1)), Parameters(ask), ct);

    private async Task<long> UsedAsync(BudgetAsk ask, CancellationToken ct) => (await QueryAsync(
        $"select cast(coalesce(sum(requests), 0) as bigint) from {schema}request_grants where scope = @scope and tenant = @tenant and until > @now",
        row => row.GetInt64(0), Parameters(ask), ct).ConfigureAwait(false))[0];

    private Task<List<BudgetTenant>> OthersAsync(BudgetAsk ask, CancellationToken ct) => QueryAsync(
        $"""
        select w.tenant, min(w.since), count(*), sum(case when w.due <= @now + {DueSoonMillis} then 1 else 0 end),
          cast(coalesce((
            select sum(g.requests) from {schema}request_grants g where g.scope = @scope and g.tenant = w.tenant and g.until > @now), 0) as bigint)
        from {schema}request_waits w
        where w.scope = @scope and w.tenant <> @tenant and w.until > @now
        group by w.tenant
        """,
        row => new BudgetTenant(row.GetString(0), row.GetInt64(4), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3)), Parameters(ask), ct);

    private (string, object)[] Parameters(BudgetAsk ask) =>
        [.. Key(ask.Integration), ("@scope", ask.Scope), ("@tenant", ask.Integration.OrganizationId), ("@request", ask.Request), ("@now", now)];

    private static (string, object)[] Key(IntegrationKey integration) =>
        [("@org", integration.OrganizationId), ("@integration", integration.ConnectedIntegrationId)];

    private async Task ExecuteAsync(string sql, (string, object)[] parameters, CancellationToken ct)
    {
        await using var command = Command(sql, parameters);
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private async Task<List<T>> QueryAsync<T>(string sql, Func<DbDataReader, T> read, (string, object)[] parameters, CancellationToken ct)
    {
        await using var command = Command(sql, parameters);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
            rows.Add(read(reader));
        return rows;
    }

    private DbCommand Command(string sql, (string Name, object Value)[] parameters)
    {
        var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }
        return command;
    }
}
