using System.Globalization;
using System.Text.Json;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Reviews;

/// <summary>Held deletes, for a person to look at and decide.</summary>
/// <param name="warehouse">Where they are held.</param>
/// <param name="integrations">What is connected.</param>
/// <param name="time">Says when a decision was made.</param>
public sealed class DeleteReviews(WarehouseFile warehouse, IIntegrationStore integrations, TimeProvider time)
{
    private const string OfHold = "organization_id = $org and connected_integration_id = $integration and hold = $hold";

    private const string Columns =
        """
        organization_id, connected_integration_id, hold, workflow_id, records, existing, reason, since, held_at, state, decided_by, decided_at, note, closed_by_run,
          case when state in ('open', 'approved') then (
            select json_group_array(external_id) from (
              select external_id from delete_hold_records r
              where r.organization_id = h.organization_id and r.connected_integration_id = h.connected_integration_id and r.hold = h.hold
              order by external_id limit 5)) end
        """;

    private static readonly string[] Undone = ["open", "approved"];

    /// <summary>Lists holds; without a state in the filter those that are open, and those that are approved and wait for a run.</summary>
    /// <param name="filter">Which.</param>
    /// <exception cref="FormatException">The filter's cursor is none.</exception>
    public ReviewPage<DeleteHold> List(ReviewFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var after = filter.After(parts: 3);
        using var connection = warehouse.Database.OpenRead();
        using var snapshot = connection.BeginTransaction(deferred: true);
        var read = snapshot.Query(
            $"""
            select {Columns} from delete_holds h
            where ($org is null or organization_id = $org) and ($integration is null or connected_integration_id = $integration)
              and state in (select value from json_each($states))
              and ($after is null or (organization_id, connected_integration_id, hold) > ($after, $after_integration, cast($after_hold as integer)))
            order by organization_id, connected_integration_id, hold limit $limit
            """,
            Read,
            [.. filter.Parameters(Undone), ("$after", after[0]), ("$after_integration", after[1]), ("$after_hold", after[2])]);
        return ReviewPage<DeleteHold>.Of(
            read, filter.Limit, hold => [hold.OrganizationId, hold.ConnectedIntegrationId, hold.Hold.ToString(CultureInfo.InvariantCulture)]);
    }

    /// <summary>
    /// Lets the next run of the integration delete those of the held records that it finds gone as well. Records that are back by then stay; when many
    /// more are gone than were approved, that run holds them all again.
    /// </summary>
    /// <param name="integration">The integration.</param>
    /// <param name="decision">Who decides on what.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The approved hold.</returns>
    /// <exception cref="IntegrationNotFoundException">There is no such integration.</exception>
    /// <exception cref="ReviewNotFoundException">It never had that hold.</exception>
    /// <exception cref="ReviewConflictException">The hold is not open any more.</exception>
    public Task<DeleteHold> ApproveAsync(IntegrationKey integration, HoldDecision decision, CancellationToken ct = default) =>
        DecideAsync(integration, decision, "approved", ["open"], ct);

    /// <summary>Closes a hold, or takes back its approval. Nothing is deleted; the next run holds again what is still gone.</summary>
    /// <inheritdoc cref="ApproveAsync"/>
    /// <returns>The rejected hold.</returns>
    public Task<DeleteHold> RejectAsync(IntegrationKey integration, HoldDecision decision, CancellationToken ct = default) =>
        DecideAsync(integration, decision, "rejected", Undone, ct);

    /// <summary>Approves all holds that are open, as <see cref="ApproveAsync"/> does each of them, in one transaction.</summary>
    /// <param name="decision">Who decides, and on what.</param>
    /// <param name="ct">Cancels.</param>
    public Task<BulkOutcome> ApproveAllAsync(BulkDecision decision, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(decision);
        const string Wanted =
            "state = 'open' and ($org is null or organization_id = $org) and ($integration is null or connected_integration_id = $integration)";
        var parameters = decision.Parameters(time.GetUtcNow().ToStored());
        return warehouse.Database.WriteAsync(
            transaction =>
            {
                var outcome = transaction.Query(
                    $"select count(*), coalesce(sum(records), 0) from delete_holds where {Wanted}", row => new BulkOutcome(row.GetInt64(0), row.GetInt64(1)), parameters)[0];
                if (!decision.DryRun)
                    transaction.Execute($"update delete_holds set state = 'approved', decided_by = $by, decided_at = $now, note = $note where {Wanted}", parameters);
                return outcome;
            },
            ct);
    }

    private async Task<DeleteHold> DecideAsync(IntegrationKey integration, HoldDecision decision, string state, string[] from, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(decision);
        await integrations.GetAsync(integration, ct).ConfigureAwait(false);
        (string, object?)[] parameters = [("$org", integration.OrganizationId), ("$integration", integration.ConnectedIntegrationId), ("$hold", decision.Hold)];
        return await warehouse.Database.WriteAsync(
            transaction =>
            {
                var hold = Find(transaction, parameters) ?? throw new ReviewNotFoundException(
                    $"{integration} has no hold {decision.Hold}. 'elt deletes list' shows those that wait for a decision.");
                if (!from.Contains(hold.State))
                    throw new ReviewConflictException(Refusal(transaction, integration, hold, parameters));
                transaction.Execute(
                    $"update delete_holds set state = $state, decided_by = $by, decided_at = $now, note = $note where {OfHold}",
                    [.. parameters, ("$state", state), ("$by", decision.By), ("$now", time.GetUtcNow().ToStored()), ("$note", decision.Note)]);
                return Find(transaction, parameters)!;
            },
            ct).ConfigureAwait(false);
    }

    private static string Refusal(SqliteTransaction transaction, IntegrationKey integration, DeleteHold hold, (string, object?)[] parameters)
    {
        var happened = hold.State switch
        {
            "approved" or "rejected" => $"was {hold.State} by {hold.DecidedBy} at {hold.DecidedAt:u}",
            "applied" => $"was approved by {hold.DecidedBy} and applied by run '{hold.ClosedByRun}'",
            "resolved" => $"is resolved: run '{hold.ClosedByRun}' had nothing to hold any more",
            _ => $"was replaced by what run '{hold.ClosedByRun}' found gone",
        };
        var current = transaction.Query(
            "select hold, records from delete_holds where organization_id = $org and connected_integration_id = $integration and state = 'open'",
            row => $" Hold {row.GetInt64(0)} of {row.GetInt64(1)} records is open.", parameters).FirstOrDefault();
        return $"Hold {hold.Hold} of {integration} {happened}.{current} Nothing was changed.";
    }

    private static DeleteHold? Find(SqliteTransaction transaction, (string, object?)[] parameters) =>
        transaction.Query($"select {Columns} from delete_holds h where {OfHold}", Read, parameters).FirstOrDefault();

    private static DeleteHold Read(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetString(3), row.GetInt64(4), row.GetInt64(5), row.GetString(6),
        row.Time(7)!.Value, row.Time(8)!.Value)
    {
        State = row.GetString(9),
        DecidedBy = row.Text(10),
        DecidedAt = row.Time(11),
        Note = row.Text(12),
        ClosedByRun = row.Text(13),
        Sample = row.Text(14) is { } keys ? JsonSerializer.Deserialize<string[]>(keys)! : [],
    };
}
