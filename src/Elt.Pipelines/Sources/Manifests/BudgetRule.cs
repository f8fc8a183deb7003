namespace Elt.Pipelines.Sources.Manifests;

/// <summary>How many requests the provider allows. No window of <paramref name="PerSeconds"/> has more than <paramref name="Requests"/> of them.</summary>
/// <param name="Requests">Requests in a window; at least 1.</param>
/// <param name="PerSeconds">Length of the window in seconds, 1 to 86 400.</param>
/// <param name="Scope">Whose requests count together. Default those of one integration.</param>
internal sealed record BudgetRule(int Requests, int PerSeconds, BudgetScope Scope = BudgetScope.Integration)
{
    private const int SecondsPerDay = 86_400;

    /// <summary>What is wrong with it, or <see langword="null"/>.</summary>
    public string? Problem => Requests < 1 ? $"$.budget.requests: expected at least 1, found {Requests}."
        : PerSeconds is < 1 or > SecondsPerDay ? $"$.budget.perSeconds: expected 1 to {SecondsPerDay}, found {PerSeconds}."
        : null;
}

internal enum BudgetScope
{
    /// <summary>One integration's: the provider counts by customer.</summary>
    Integration,

    /// <summary>
    /// Those of all integrations of the connector, which take turns by organization: the provider counts by the application that asks. Of a connector that
    /// integrations bring along themselves, those of one organization.
    /// </summary>
    Provider,
}
