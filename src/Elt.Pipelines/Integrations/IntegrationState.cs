using System.Text.Json;

namespace Elt.Pipelines.Integrations;

/// <summary>Whether the schedule runs an integration. A pipeline that is started by hand runs in any state.</summary>
public enum IntegrationState
{
    /// <summary>It runs.</summary>
    Active,

    /// <summary>Not yet: it is to be onboarded, or that has failed.</summary>
    Pending,

    /// <summary>Not before its credentials are renewed, and it is onboarded again or a pipeline that is started by hand succeeds: the source did not accept them.</summary>
    NeedsReauth,

    /// <summary>Not before a person says so.</summary>
    Paused,
}

/// <summary>An integration and its state.</summary>
/// <param name="Key">The integration.</param>
/// <param name="State">Its state.</param>
public sealed record IntegrationStatus(IntegrationKey Key, IntegrationState State);

/// <summary>How states are written in tables and in the API: <c>active</c>, <c>pending</c>, <c>needs_reauth</c>, <c>paused</c>.</summary>
public static class IntegrationStates
{
    /// <summary>The name of a state.</summary>
    /// <param name="state">The state.</param>
    public static string Name(this IntegrationState state) => JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString());

    /// <summary>The state of a name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="FormatException">There is none of that name.</exception>
    public static IntegrationState Parse(string name)
    {
        foreach (var state in Enum.GetValues<IntegrationState>())
        {
            if (state.Name() == name)
                return state;
        }
        throw new FormatException($"There is no state '{name}'; expected {string.Join(", ", Enum.GetValues<IntegrationState>().Select(Name))}.");
    }
}
