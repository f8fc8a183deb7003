using System.Text.Json;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>What the placeholders of a connector's texts stand for, for one integration and slice.</summary>
internal sealed class RequestValues(ProviderData data, IReadOnlyDictionary<string, string> slice)
{
    /// <summary>A text with all placeholders filled; <see langword="null"/> when the slice lacks one.</summary>
    /// <exception cref="SourceException">The integration lacks a value, or a secret cannot be read.</exception>
    public string? Optional(string text) => Template.Fill(text, (kind, name) => kind == "slice" ? slice.GetValueOrDefault(name) : Value(kind, name));

    /// <summary>A text with all placeholders filled.</summary>
    /// <param name="text">The text.</param>
    /// <param name="escape">What is done to each value; default nothing.</param>
    /// <exception cref="SourceException">A value is missing.</exception>
    public string Required(string text, Func<string, string>? escape = null) => Template.Fill(text, (kind, name) =>
    {
        var value = kind == "slice" ? slice.GetValueOrDefault(name) ?? throw Missing($"a value for {{slice.{name}}}") : Value(kind, name);
        return escape is null ? value : escape(value);
    })!;

    /// <summary>Finds out whether the integration has what a text needs. What references of secrets lead to is not looked at.</summary>
    /// <exception cref="SourceException">It lacks a value.</exception>
    public void EnsureFillable(string text) =>
        Template.Fill(text, (kind, name) => kind switch
        {
            "slice" => "",
            "secret" => Reference(name),
            _ => Value(kind, name),
        });

    private string Value(string kind, string name)
    {
        if (kind == "secret")
            return Secret.Read(Reference(name), name);
        return Member(data.Other, name) switch
        {
            { ValueKind: JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False } value => value.ToString(),
            _ => throw Missing($"a text or number in provider_data.{name}"),
        };
    }

    private string Reference(string name) =>
        Text(Member(data.Other, "secrets"), name) ?? throw Missing($"provider_data.secrets.{name}, a reference such as env:NAME");

    private static JsonElement? Member(IDictionary<string, JsonElement>? members, string name) =>
        members?.TryGetValue(name, out var value) == true ? value : null;

    private static string? Text(JsonElement? members, string name) =>
        members is { ValueKind: JsonValueKind.Object } secrets && secrets.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static SourceException Missing(string what) => new(SourceErrorClass.Permanent, $"The connector needs {what}, which the integration does not have.");
}
