using System.Text.Json.Serialization;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Changes;

/// <summary>What the journal keeps of records that were asked for one by one: numbers, no data.</summary>
/// <param name="Asked">Records that were asked for.</param>
/// <param name="Left">Records that are still to be asked for.</param>
public sealed record ConfirmedPage(int Asked, int Left)
{
    /// <summary>How long to wait before more are asked for, because there was no room in a budget; <see langword="null"/> when there was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TimeSpan? Wait { get; init; }
}

/// <summary>Asks the source of a run for records that its list did not have. Each answer is kept at once: none is asked for again, whatever dies.</summary>
internal sealed class RecordConfirmation(
    WarehouseFile warehouse, IIntegrationStore integrations, PinnedConnectors connectors, SourceCircuits circuits, HttpSource source)
{
    /// <summary>Records of a page.</summary>
    public const int PageSize = 25;

    /// <summary>Asks for the next page of records.</summary>
    /// <exception cref="SourceException">The source does not answer.</exception>
    /// <exception cref="StaleRunException">A newer run has acquired the integration.</exception>
    public async Task<ConfirmedPage> AskAsync(IntegrationKey key, string runId, PageRetry retry, CancellationToken ct)
    {
        var integration = await integrations.GetAsync(key, ct).ConfigureAwait(false);
        var (connector, page, open) = Read(new PipelineRun(key, runId, Seq: 0));
        var asked = 0;
        foreach (var (place, externalId) in page)
        {
            Presence presence;
            try
            {
                presence = await circuits.AskAsync(key, () => source.LookUpAsync(integration, connector, externalId, ct), retry.GivesUp, ct).ConfigureAwait(false);
            }
            catch (BudgetSpentException e)
            {
                return new ConfirmedPage(asked, open - asked) { Wait = e.Wait };
            }
            catch (SourceException e) when (e.ErrorClass is SourceErrorClass.Data or SourceErrorClass.Permanent or SourceErrorClass.ExpiredCursor)
            {
                presence = Presence.Unknown;
            }
            var isAddressWrong = place == 0 && presence != Presence.There;
            await warehouse.Database.WriteAsync(
                transaction => Confirmations.Answer(transaction, key, runId, isAddressWrong ? null : externalId, isAddressWrong ? Presence.Unknown : presence), ct)
                .ConfigureAwait(false);
            asked++;
            if (isAddressWrong)
                return new ConfirmedPage(asked, 0);
        }
        return new ConfirmedPage(asked, open - asked);
    }

    private (Sources.Manifests.Connector Connector, List<(int Place, string ExternalId)> Page, int Open) Read(PipelineRun run)
    {
        using var connection = warehouse.Database.OpenRead();
        using var snapshot = connection.BeginTransaction(deferred: true);
        return (connectors.FindOf(snapshot, run)!, Confirmations.Next(snapshot, run, PageSize), Confirmations.CountOpen(snapshot, run));
    }
}
