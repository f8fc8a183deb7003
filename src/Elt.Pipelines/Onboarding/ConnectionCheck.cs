using System.Text.Json;
using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;

namespace Elt.Pipelines.Onboarding;

/// <summary>What the journal keeps of a check: no data and no secrets.</summary>
/// <param name="Problem">What is wrong and what to do; <see langword="null"/> when the source gives its first page.</param>
/// <param name="ErrorClass">What kind of failure it is, such as <c>auth</c>; <see langword="null"/> where the source was not asked.</param>
internal sealed record CheckOutcome(string? Problem = null, string? ErrorClass = null)
{
    /// <summary>Whether the source does not accept the integration's credentials.</summary>
    public bool NeedsReauth => ErrorClass == Name(SourceErrorClass.Auth);

    /// <summary>How long to wait before the source may be asked, since its budget is spent; <see langword="null"/> when it was asked.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TimeSpan? Wait { get; init; }

    public static string Name(SourceErrorClass errorClass) => JsonNamingPolicy.SnakeCaseLower.ConvertName(errorClass.ToString());
}

/// <summary>Asks a source for its first page, and keeps nothing of it.</summary>
internal sealed class ConnectionCheck(IIntegrationStore integrations, ISource source, SourceCircuits circuits, SourceOptions options)
{
    /// <summary>Checks an integration, as a step. What may pass by itself is tried again as often as a page would be.</summary>
    public async Task<CheckOutcome> RunAsync(WorkflowContext context, IntegrationKey integration)
    {
        var retry = new PageRetry(options);
        try
        {
            while (true)
            {
                var outcome = await context.StepAsync("check", ct => AskAsync(integration, retry, ct), retry.Policy);
                if (outcome.Wait is not { } wait)
                    return outcome;
                retry.Waits++;
                await context.SleepAsync(wait, "turn");
            }
        }
        catch (StepFailedException e)
        {
            // Not the source's answer: its settings cannot be read, say, or it is left alone for a while.
            return new CheckOutcome(e.Error!.Message);
        }
    }

    private async Task<CheckOutcome> AskAsync(IntegrationKey key, PageRetry retry, CancellationToken ct)
    {
        try
        {
            var integration = await integrations.GetAsync(key, ct);
            await circuits.AskAsync(key, () => source.FetchAsync(new PageRequest(integration, 1, integration.ProviderData.PageSize), ct), retry.GivesUp, ct);
            return new CheckOutcome();
        }
        catch (BudgetSpentException e)
        {
            return new CheckOutcome { Wait = e.Wait };
        }
        // A result, not an error: of an error the journal would not keep the class.
        catch (SourceException e) when (retry.GivesUp(e) || !IsTransient(e))
        {
            return new CheckOutcome(e.Message, CheckOutcome.Name(e.ErrorClass));
        }
    }

    private static bool IsTransient(SourceException error) =>
        error.ErrorClass is SourceErrorClass.Network or SourceErrorClass.Timeout or SourceErrorClass.RateLimit;
}
