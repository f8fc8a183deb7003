using System.Text.Json;

namespace Elt.Pipelines.Sources;

/// <summary>What a source answered, read whole.</summary>
internal sealed class SourceAnswer : IDisposable
{
    private const int MaxDepth = 64;

    private readonly HttpResponseMessage _response;
    private readonly JsonDocument? _document;

    private SourceAnswer(HttpResponseMessage response, JsonDocument? document, SourceException? unreadable)
    {
        _response = response;
        _document = document;
        Unreadable = unreadable;
    }

    public int Status => (int)_response.StatusCode;

    /// <summary>Why the body is no JSON, if it is none.</summary>
    public SourceException? Unreadable { get; }

    /// <summary>The body; undefined when it is no JSON.</summary>
    public JsonElement Body => _document?.RootElement ?? default;

    /// <summary>Values of a header, each line apart.</summary>
    public IEnumerable<string> Headers(string name) =>
        _response.Headers.TryGetValues(name, out var values) || _response.Content.Headers.TryGetValues(name, out values) ? values : [];

    /// <summary>The first value of a header, or <see langword="null"/>.</summary>
    public string? Header(string name) => Headers(name).FirstOrDefault();

    public static SourceAnswer Read(HttpResponseMessage response, Memory<byte> body, string where)
    {
        var json = StorableJson.Repair(body);
        try
        {
            return new SourceAnswer(response, JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth }), null);
        }
        catch (JsonException e)
        {
            return new SourceAnswer(response, null, NoJson(json.Span, where, e));
        }
    }

    public void Dispose()
    {
        _document?.Dispose();
        _response.Dispose();
    }

    // JSON that breaks off and pages that are no JSON at all (a proxy's error page, a login form) look alike, and both pass by themselves.
    private static SourceException NoJson(ReadOnlySpan<byte> body, string where, JsonException e)
    {
        if (IsTooDeep(body))
            return new SourceException(SourceErrorClass.Data, $"{where} answered JSON that is nested over {MaxDepth} levels deep.");
        var found = body.Length == 0 ? "nothing" : body.TrimStart(" \t\r\n"u8).StartsWith("<"u8) ? "a web page" : "no complete JSON";
        return new SourceException(
            SourceErrorClass.Network, $"{where} answered with {found}. Check that the source is up and api_endpoint is its API.", inner: e);
    }

    private static bool IsTooDeep(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth + 1 });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject && reader.CurrentDepth >= MaxDepth)
                    return true;
            }
            return false;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
