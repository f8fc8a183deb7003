using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources.Budgets;

/// <summary>One request that wants to be sent.</summary>
/// <param name="Integration">Whose; its organization is the tenant that takes its turn.</param>
/// <param name="Scope">Names whose requests count together.</param>
/// <param name="Request">Tells it from other requests of the integration that wait.</param>
/// <param name="Rule">What the provider allows; <see langword="null"/> when only its own answers say.</param>
internal sealed record BudgetAsk(IntegrationKey Integration, string Scope, string Request, BudgetRule? Rule)
{
    /// <summary>What a request asks for, or <see langword="null"/> when its connector knows no limits.</summary>
    public static BudgetAsk? Of(Manifest manifest, ConnectedIntegration integration, string request) =>
        manifest.Budget is null && manifest.RateLimit?.RemainingHeader is null
            ? null
            : new BudgetAsk(integration.Key, ScopeOf(manifest, integration), $"{integration.Id}/{request}", manifest.Budget);

    // What one organization brings along must not slow down another.
    private static string ScopeOf(Manifest manifest, ConnectedIntegration integration) => manifest.Budget?.Scope switch
    {
        BudgetScope.Provider when integration.Provider == ConnectorLibrary.Inline => $"provider/{new IntegrationKey(integration.OrganizationId, manifest.Name).ToName()}",
        BudgetScope.Provider => $"provider/{manifest.Name}",
        _ => $"integration/{integration.Key.ToName()}",
    };
}

/// <summary>There is no room in the budget for a while: the request was not sent.</summary>
/// <param name="wait">When to ask again.</param>
internal sealed class BudgetSpentException(TimeSpan wait) : Exception($"The request waits {wait.TotalSeconds:0.###} s for its turn in the budget of its provider.")
{
    /// <summary>When to ask again.</summary>
    public TimeSpan Wait { get; } = wait;
}
