namespace Elt.Pipelines.Integrations;

/// <summary>Keeps the table <c>connected_integrations</c>, beside the journal.</summary>
public interface IIntegrationStore
{
    /// <summary>Creates or updates the table; call once at start.</summary>
    /// <param name="ct">Cancels.</param>
    Task InitializeAsync(CancellationToken ct = default);

    /// <summary>All integrations, ordered by organization and id.</summary>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="FormatException">The provider data of a row cannot be used; the message names the row.</exception>
    Task<IReadOnlyList<ConnectedIntegration>> ListAsync(CancellationToken ct = default);

    /// <summary>Keys of all integrations, ordered; also of those whose provider data cannot be used.</summary>
    /// <param name="ct">Cancels.</param>
    Task<IReadOnlyList<IntegrationKey>> ListKeysAsync(CancellationToken ct = default);

    /// <summary>States of all integrations, ordered by their keys; also of those whose provider data cannot be used.</summary>
    /// <param name="ct">Cancels.</param>
    Task<IReadOnlyList<IntegrationStatus>> ListStatesAsync(CancellationToken ct = default);

    /// <summary>The integration of a key, or <see langword="null"/>.</summary>
    /// <param name="key">Organization and integration.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="FormatException">Its provider data cannot be used.</exception>
    Task<ConnectedIntegration?> FindAsync(IntegrationKey key, CancellationToken ct = default);

    /// <summary>Adds an integration in its state, or replaces provider and provider data of the one with its key, whose state stays.</summary>
    /// <param name="integration">The integration.</param>
    /// <param name="ct">Cancels.</param>
    Task UpsertAsync(ConnectedIntegration integration, CancellationToken ct = default);

    /// <summary>Puts an integration into a state. Asked again it changes nothing.</summary>
    /// <param name="key">The integration.</param>
    /// <param name="to">The state.</param>
    /// <param name="reason">Why, and what to do; without secrets and personal data.</param>
    /// <param name="from">The state that it must be in, if it is not in the new one already; default any.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The state that it is in then; <see langword="null"/> when there is no such integration.</returns>
    Task<IntegrationState?> SetStateAsync(IntegrationKey key, IntegrationState to, string? reason, IntegrationState? from = null, CancellationToken ct = default);
}

/// <summary>There is no integration of that key.</summary>
/// <param name="key">What was asked for.</param>
public sealed class IntegrationNotFoundException(IntegrationKey key) : Exception(
    $"Organization '{key?.OrganizationId}' has no connected integration '{key?.ConnectedIntegrationId}'. "
    + "'elt integrations' lists those there are.")
{
    /// <summary>What was asked for.</summary>
    public IntegrationKey Key { get; } = key!;
}

/// <summary>What both stores do alike.</summary>
internal static class IntegrationStoreExtensions
{
    /// <summary>The integration of a key.</summary>
    /// <exception cref="IntegrationNotFoundException">There is none.</exception>
    public static async Task<ConnectedIntegration> GetAsync(this IIntegrationStore store, IntegrationKey key, CancellationToken ct) =>
        await store.FindAsync(key, ct).ConfigureAwait(false) ?? throw new IntegrationNotFoundException(key);

    /// <summary>Keeps the schedule from asking with credentials that the source has refused. One that it does not run anyway stays in its state.</summary>
    public static Task<IntegrationState?> NoteRefusalAsync(this IIntegrationStore store, IntegrationKey key, string problem, CancellationToken ct) =>
        store.SetStateAsync(key, IntegrationState.NeedsReauth, OnboardAgain(key, problem), from: IntegrationState.Active, ct);

    /// <summary>What is wrong with an integration, and what to do then.</summary>
    public static string OnboardAgain(IntegrationKey key, string problem) => $"{problem} Then onboard it again: elt onboard {key.OrganizationId}";

    /// <summary>Makes an integration of a stored row.</summary>
    public static ConnectedIntegration ToIntegration(string organizationId, string id, string provider, string providerData, string state, string? reason)
    {
        try
        {
            return new ConnectedIntegration(id, organizationId, provider, ProviderData.Parse(providerData))
            {
                State = IntegrationStates.Parse(state),
                StateReason = reason,
            };
        }
        catch (FormatException e)
        {
            throw new FormatException($"Connected integration {organizationId}/{id}: {e.Message}");
        }
    }
}
