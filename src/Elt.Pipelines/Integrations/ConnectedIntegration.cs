namespace Elt.Pipelines.Integrations;

/// <summary>An external system of records that an organization has connected.</summary>
/// <param name="Id">Unique in its organization.</param>
/// <param name="OrganizationId">The tenant it belongs to.</param>
/// <param name="Provider">What kind of system it is, such as <c>okta</c>; not blank.</param>
/// <param name="ProviderData">Where and how its records are read.</param>
/// <exception cref="ArgumentException">An id or the provider is blank or too long.</exception>
public sealed record ConnectedIntegration(string Id, string OrganizationId, string Provider, ProviderData ProviderData)
{
    /// <summary>Tenant and integration as the key of everything that is stored for it.</summary>
    public IntegrationKey Key { get; } = new(OrganizationId, Id);

    /// <summary>Whether the schedule runs it. Default active.</summary>
    public IntegrationState State { get; init; }

    /// <summary>Why it is in that state, and what to do; <see langword="null"/> when there is nothing to say.</summary>
    public string? StateReason { get; init; }

    /// <summary>What kind of system it is.</summary>
    public string Provider { get; } = !string.IsNullOrWhiteSpace(Provider)
        ? Provider
        : throw new ArgumentException("provider must not be blank.", nameof(Provider));
}
