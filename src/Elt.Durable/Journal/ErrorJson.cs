using System.Text.Json;

namespace Elt.Durable.Journal;

/// <summary>How both stores keep an error: as a JSON object in a text column.</summary>
internal static class ErrorJson
{
    // Postgres cannot look into JSON that holds a NUL character.
    public static string? Write(ErrorInfo? error) =>
        error is null ? null : JsonSerializer.Serialize(error with { Message = error.Message.Replace('\0', '\uFFFD') }, Payloads.Options);

    public static ErrorInfo? Read(string? json) => json is null ? null : JsonSerializer.Deserialize<ErrorInfo>(json, Payloads.Options);
}
