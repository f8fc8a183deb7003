namespace Elt.Durable;

/// <summary>An event that a run has set; the last one of a name is its value now.</summary>
/// <param name="Name">Name of the event.</param>
/// <param name="Position">How often it was set before.</param>
/// <param name="Value">The value as JSON.</param>
/// <param name="SetAt">When it was set.</param>
public sealed record EventInfo(string Name, long Position, string Value, DateTimeOffset SetAt);
