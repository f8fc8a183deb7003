using System.Text.Json.Serialization;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>How requests say who asks. Values are texts with placeholders; what is secret among them is a <c>{secret.x}</c>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(NoAuth), "none")]
[JsonDerivedType(typeof(BearerAuth), "bearer")]
[JsonDerivedType(typeof(ApiKeyAuth), "apiKey")]
[JsonDerivedType(typeof(BasicAuth), "basic")]
[JsonDerivedType(typeof(ClientCredentialsAuth), "oauth2ClientCredentials")]
[JsonDerivedType(typeof(RefreshTokenAuth), "oauth2RefreshToken")]
internal abstract record Auth;

/// <summary>Not at all.</summary>
internal sealed record NoAuth : Auth;

/// <summary><c>Authorization: Bearer token</c>.</summary>
internal sealed record BearerAuth(string Token) : Auth;

/// <summary>A header or query parameter.</summary>
/// <param name="In">Which of them.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value.</param>
/// <param name="Prefix">Text before the value, such as <c>"SSWS "</c>.</param>
internal sealed record ApiKeyAuth(ApiKeyPlace In, string Name, string Value, string Prefix = "") : Auth;

internal enum ApiKeyPlace
{
    Header,
    Query,
}

/// <summary><c>Authorization: Basic …</c>.</summary>
internal sealed record BasicAuth(string User, string Password) : Auth;

/// <summary>A token that is asked for first (RFC 6749), kept until it expires and renewed once when it is refused.</summary>
internal abstract record OAuth2 : Auth
{
    /// <summary>Where tokens come from.</summary>
    public required string TokenUrl { get; init; }

    public required string ClientId { get; init; }

    public required string ClientSecret { get; init; }

    public string? Scope { get; init; }
}

/// <summary>Grant <c>client_credentials</c>.</summary>
internal sealed record ClientCredentialsAuth : OAuth2;

/// <summary>Grant <c>refresh_token</c>.</summary>
internal sealed record RefreshTokenAuth : OAuth2
{
    public required string RefreshToken { get; init; }
}
