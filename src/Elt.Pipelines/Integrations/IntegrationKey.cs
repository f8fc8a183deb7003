using System.Text;

namespace Elt.Pipelines.Integrations;

/// <summary>What every record, table and statement is keyed by: the tenant and one of its connected integrations.</summary>
public sealed record IntegrationKey
{
    private const int MaxLength = 100;

    /// <param name="organizationId">The tenant; 1 to 100 characters, not blank.</param>
    /// <param name="connectedIntegrationId">The integration, unique in its organization; 1 to 100 characters, not blank.</param>
    /// <exception cref="ArgumentException">One of them is blank, too long or holds control characters.</exception>
    public IntegrationKey(string organizationId, string connectedIntegrationId)
    {
        OrganizationId = Checked(organizationId, nameof(organizationId));
        ConnectedIntegrationId = Checked(connectedIntegrationId, nameof(connectedIntegrationId));
    }

    /// <summary>The tenant.</summary>
    public string OrganizationId { get; }

    /// <summary>The integration, unique in its organization.</summary>
    public string ConnectedIntegrationId { get; }

    /// <summary>
    /// <c>organization.integration</c>, unique per key and fit for a workflow id: dots, slashes and other separators
    /// inside the two parts are percent-encoded.
    /// </summary>
    public string ToName() => $"{Encoded(OrganizationId)}.{Encoded(ConnectedIntegrationId)}";

    /// <inheritdoc/>
    public override string ToString() => $"{OrganizationId}/{ConnectedIntegrationId}";

    private static string Checked(string value, string name)
    {
        if (string.IsNullOrWhiteSpace(value))
            throw new ArgumentException($"{name} must not be blank.", name);
        if (value.Length > MaxLength || value.Any(char.IsControl) || value.Any(char.IsSurrogate))
            throw new ArgumentException($"{name} has at most {MaxLength} characters, none of them a control character or outside the basic plane.", name);
        return value;
    }

    private static string Encoded(string part)
    {
        var text = new StringBuilder(part.Length);
        foreach (var c in part)
        {
            if (char.IsLetterOrDigit(c) || c is '-' or '_')
                text.Append(c);
            else
                text.Append(Uri.EscapeDataString(c.ToString()) is { Length: > 1 } escaped ? escaped : $"%{(int)c:X2}");
        }
        return text.ToString();
    }
}
