using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Elt.Pipelines.Reviews;

/// <summary>What of a list is wanted.</summary>
public sealed record ReviewFilter
{
    /// <summary>Only of this tenant. Default all.</summary>
    public string? OrganizationId { get; init; }

    /// <summary>Only of integrations of this id. Default all.</summary>
    public string? ConnectedIntegrationId { get; init; }

    /// <summary>Only in these states. Default none, which stands for those that wait for something.</summary>
    public IReadOnlyList<string> States { get; init; } = [];

    /// <summary>At most so many; 1 to 1000. Default 50.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Where the page before ended; opaque. Default the beginning.</summary>
    public string? Cursor { get; init; }

    internal (string Name, object? Value)[] Parameters(string[] states) =>
    [
        ("$org", OrganizationId), ("$integration", ConnectedIntegrationId), ("$limit", Limit + 1),
        ("$states", JsonSerializer.Serialize(States.Count > 0 ? States : states)),
    ];

    /// <summary>The key after which the page begins.</summary>
    /// <exception cref="FormatException">The cursor is none of this list.</exception>
    internal string?[] After(int parts)
    {
        if (Cursor is null)
            return new string?[parts];
        try
        {
            var bytes = Base64Url.DecodeFromChars(Cursor);
            if (JsonSerializer.Deserialize<string[]>(bytes) is { } key && key.Length == parts && key.All(part => part is not null))
                return key;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            // Told below, as any other text that is no cursor.
        }
        throw new FormatException("The cursor is not one that this list has given.");
    }
}

/// <summary>One page of a list.</summary>
/// <param name="Items">Its items, ordered by organization and integration.</param>
/// <param name="NextCursor">Where the next page begins; <see langword="null"/> on the last one.</param>
public sealed record ReviewPage<T>(IReadOnlyList<T> Items, string? NextCursor)
{
    /// <summary>The page of a read that went one item beyond it, when there was one.</summary>
    internal static ReviewPage<T> Of(List<T> read, int limit, Func<T, string[]> key)
    {
        if (read.Count <= limit)
            return new ReviewPage<T>(read, null);
        var items = read[..limit];
        return new ReviewPage<T>(items, Base64Url.EncodeToString(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(key(items[^1])))));
    }
}
