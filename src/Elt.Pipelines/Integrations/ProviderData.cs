using System.Text.Json;
using System.Text.Json.Serialization;

namespace Elt.Pipelines.Integrations;

/// <summary>
/// How an integration is reached; kept as JSON: <c>{"permission_source_name": "…", "api_endpoint": "https://…", "page_size": 10}</c>.
/// Other members are kept as they are.
/// </summary>
public sealed record ProviderData : IJsonOnDeserialized
{
    /// <summary>Page size when none is given.</summary>
    public const int DefaultPageSize = 10;

    private const int MaxPageSize = 10_000;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Strict);

    /// <summary>Name that people know the source by.</summary>
    [JsonPropertyName("permission_source_name")]
    public required string PermissionSourceName { get; init; }

    /// <summary>
    /// Absolute http or https address of the paged list, without page parameters, user info or fragment; or <c>file:///users.csv</c>, a file
    /// below the folder of files that the service is given.
    /// </summary>
    [JsonPropertyName("api_endpoint")]
    public required Uri ApiEndpoint { get; init; }

    /// <summary>Records per page, 1 to 10 000; default 10.</summary>
    [JsonPropertyName("page_size")]
    public int PageSize { get; init; } = DefaultPageSize;

    /// <summary>
    /// Whether runs ask only for what has changed, where the connector says how; default no. Each connector says when all is read all the same, by default every 7 days.
    /// </summary>
    [JsonPropertyName("incremental")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Incremental { get; init; }

    /// <summary>Members that this version does not know.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Other { get; init; }

    /// <summary>Reads the JSON of <c>connected_integrations.provider_data</c>.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="FormatException">It is no JSON object, lacks a member or holds one that cannot be used; the message says which.</exception>
    public static ProviderData Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<ProviderData>(json, Json) ?? throw new FormatException("provider_data must be a JSON object, not null.");
        }
        catch (JsonException e)
        {
            throw new FormatException($"provider_data cannot be read: {e.Message}");
        }
    }

    /// <summary>The JSON that <see cref="Parse"/> reads.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    void IJsonOnDeserialized.OnDeserialized()
    {
        if (string.IsNullOrWhiteSpace(PermissionSourceName))
            throw new FormatException("provider_data.permission_source_name must not be blank.");
        // Members that are missing are found out only after this call.
        if (ApiEndpoint is not { IsAbsoluteUri: true, UserInfo: "", Fragment: "" } or not ({ Scheme: "http" or "https" } or { Scheme: "file", Host: "" }))
            throw new FormatException("provider_data.api_endpoint must be an absolute http or https address, or file:///…, without user info and fragment.");
        if (PageSize is < 1 or > MaxPageSize)
            throw new FormatException($"provider_data.page_size must be 1 to {MaxPageSize}, it is {PageSize}.");
    }
}
