using System.Text.RegularExpressions;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>Checks what the form of a manifest alone does not: paths, placeholders, columns and limits.</summary>
internal static partial class ManifestCheck
{
    /// <summary>The first problem as <c>JSON path: expected …, found …</c>, or <see langword="null"/>.</summary>
    public static string? Problem(Manifest manifest, DatasetLibrary datasets) => Problems(manifest, datasets).FirstOrDefault();

    private static IEnumerable<string> Problems(Manifest manifest, DatasetLibrary datasets)
    {
        if (!Name().IsMatch(manifest.Name))
            yield return $"$.name: expected lower case letters, digits and hyphens, found '{manifest.Name}'.";
        if (manifest.Key.Count == 0)
            yield return "$.key: expected at least one path, found none.";
        if (manifest.Slices.Count == 0)
            yield return "$.slices: expected at least one (an object without members reads the plain list), found none.";
        if (ReferenceEquals(manifest.Pagination, Manifest.Unstated) == manifest.File is null)
            yield return "$.pagination: expected either pagination or file.";
        foreach (var (where, isStated) in manifest.File is null ? [] : PagedOnly(manifest))
        {
            if (isStated)
                yield return $"{where}: expected nothing, since the list is a file.";
        }
        if (manifest.Pagination is OffsetPagination { Base: not (0 or 1) } or PageNumberPagination { Base: not (0 or 1) })
            yield return "$.pagination.base: expected 0 or 1.";
        if (manifest.Budget?.Problem is { } budget)
            yield return budget;
        if (manifest.RateLimit?.Problem is { } rateLimit)
            yield return rateLimit;
        if ((manifest.Deletes.Confirm as ByIdConfirm)?.Problem is { } confirm)
            yield return confirm;
        if (IncrementalProblem(manifest) is { } incremental)
            yield return incremental;
        if (manifest.UpdatedAt is { Zone: not null, Format: not TimeFormat.Iso8601 })
            yield return "$.updatedAt.zone: expected nothing, since seconds and milliseconds are counted in UTC.";
        if (manifest.UpdatedAt is { Zone: { } changed } && !TimeZoneInfo.TryFindSystemTimeZoneById(changed, out _))
            yield return $"$.updatedAt.zone: expected an IANA time zone such as Europe/Berlin, found '{changed}'.";
        foreach (var (where, path) in Pointers(manifest))
        {
            if (path is not null && !JsonPointer.IsValid(path))
                yield return $"{where}: expected a JSON Pointer, which begins with '/', found '{path}'.";
        }
        foreach (var (where, text) in Texts(manifest))
        {
            if (Template.Unknown(text) is { } unknown)
                yield return $"{where}: expected {{config.x}}, {{secret.x}} or {{slice.x}}, found '{unknown}'.";
        }
        if (manifest.Auth is not NoAuth && !Secrets(manifest.Auth).Contains("{secret.", StringComparison.Ordinal))
            yield return "$.auth: expected a {secret.x} for what is secret, found a plain text.";
        if (datasets.Find(manifest.Dataset) is not { } dataset)
        {
            yield return $"$.dataset: expected {string.Join(" or ", datasets.Names)}, found '{manifest.Dataset}'.";
            yield break;
        }
        foreach (var problem in FieldProblems(manifest, dataset).Concat(RuleCheck.Problems(manifest, dataset)))
            yield return problem;
    }

    private static IEnumerable<string> FieldProblems(Manifest manifest, Dataset dataset)
    {
        var columns = dataset.Columns.Where(column => column.Kind != ColumnKind.RemainingMembers).ToDictionary(column => column.Name);
        foreach (var (field, mapping) in manifest.Fields)
        {
            if (!columns.TryGetValue(field, out var column))
                yield return $"$.fields: expected the columns {string.Join(", ", columns.Keys)} of {dataset.Name}, found '{field}'.";
            else if (column.Kind != ColumnKind.Text && mapping.Type != FieldType.Text)
                yield return $"$.fields.{field}.type: expected none, since the column is declared as {column.Kind.ToString().ToLowerInvariant()}.";
            else if (column.Kind == ColumnKind.Json && mapping is not { Join: null, Transform.Count: 0 })
                yield return $"$.fields.{field}: expected neither join nor transform, since the column holds JSON as it comes.";
            if (mapping.Zone is not null && mapping.Type != FieldType.Timestamp && column?.Kind != ColumnKind.Timestamp)
                yield return $"$.fields.{field}.zone: expected nothing, since the field is no timestamp.";
            if (mapping.Zone is { } zone && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
                yield return $"$.fields.{field}.zone: expected an IANA time zone such as Europe/Berlin, found '{zone}'.";
            if (mapping.From.Count == 0)
                yield return $"$.fields.{field}.from: expected at least one path, found none.";
        }
    }

    private static IEnumerable<(string Where, bool IsStated)> PagedOnly(Manifest manifest) =>
    [
        ("$.pageSize", manifest.PageSize is not null),
        ("$.query", manifest.Query.Count > 0),
        ("$.slices", manifest.Slices.Count > 1),
        ("$.records.totalPath", manifest.Records.TotalPath is not null),
        ("$.errors", manifest.Errors.Count > 0),
        ("$.budget", manifest.Budget is not null),
        ("$.deletes.confirm", manifest.Deletes.Confirm is ByIdConfirm),
    ];

    private static string? IncrementalProblem(Manifest manifest) => manifest.Incremental switch
    {
        not ChangesRule => null,
        ChangesRule when manifest.File is not null => "$.incremental: expected nothing, since the list is a file.",
        ChangesRule rule when ChangesRule.Duration(rule.FullEvery) is null => NoDuration("fullEvery", rule.FullEvery),
        SinceRule since when ChangesRule.Duration(since.Lag) is null => NoDuration("lag", since.Lag),
        SinceRule since when !since.Query.Values.Any(text => text.Contains(SinceRule.Placeholder, StringComparison.Ordinal)) =>
            $"$.incremental.query: expected a text with {SinceRule.Placeholder}, found none.",
        SinceRule when manifest.UpdatedAt is null => "$.updatedAt: expected a path, since incremental reads go by it.",
        SinceRule { Slices.Count: 0 } => "$.incremental.slices: expected at least one, found none.",
        // A record that moves to a page that was read before would be lost until the next full read.
        SinceRule when manifest.Pagination is OffsetPagination or PageNumberPagination =>
            "$.pagination: expected pages that lead to one another by a cursor or an address, since only changes are read; found positions.",
        DeltaLinkRule when !manifest.Pagination.NamesAddresses => "$.pagination: expected nextUrl or linkHeader, since a delta link is an address.",
        DeltaLinkRule when manifest.Slices.Count > 1 => "$.slices: expected one, since there is one delta link.",
        DeltaLinkRule { First: not ("" or ['/', ..]) } link => $"$.incremental.first: expected a path, which begins with '/', found '{link.First}'.",
        DeltaLinkRule { ExpiredWhen: var rules } when rules.Count == 0 || rules.Any(rule => rule is { Status: null, Path: null, Header: null }) =>
            "$.incremental.expiredWhen: expected rules with a status, path or header.",
        _ => null,
    };

    private static string NoDuration(string member, string found) => $"$.incremental.{member}: expected a duration such as 90s, 15m, 2h or 7d, found '{found}'.";

    private static IEnumerable<(string Where, string? Path)> Pointers(Manifest manifest) =>
    [
        ("$.records.path", manifest.Records.Path),
        ("$.records.totalPath", manifest.Records.TotalPath),
        ("$.updatedAt.path", manifest.UpdatedAt?.Path),
        ("$.pagination.path", (manifest.Pagination as NextUrlPagination)?.Path ?? (manifest.Pagination as CursorPagination)?.Path),
        ("$.pagination.endPath", (manifest.Pagination as CursorPagination)?.EndPath),
        ("$.pagination.totalPagesPath", (manifest.Pagination as PageNumberPagination)?.TotalPagesPath),
        ("$.pagination.echoPath", (manifest.Pagination as PageNumberPagination)?.EchoPath),
        ("$.incremental.path", (manifest.Incremental as DeltaLinkRule)?.Path),
        .. (manifest.Incremental as DeltaLinkRule)?.ExpiredWhen.Select((rule, i) => ($"$.incremental.expiredWhen[{i}].path", rule.Path)) ?? [],
        ("$.deletes.confirm.record", (manifest.Deletes.Confirm as ByIdConfirm)?.Record),
        .. (manifest.Deletes.Confirm as ByIdConfirm)?.Gone.Select((rule, i) => ($"$.deletes.confirm.gone[{i}].path", rule.Path)) ?? [],
        .. manifest.Key.Select((path, i) => ($"$.key[{i}]", (string?)path)),
        .. manifest.Records.Tombstones.Select((mark, i) => ($"$.records.tombstones[{i}].path", (string?)mark.Path)),
        .. manifest.Records.Filter.Select((condition, i) => ($"$.records.filter[{i}].path", (string?)condition.Path)),
        .. manifest.Errors.Select((rule, i) => ($"$.errors[{i}].path", rule.Path)),
        .. manifest.Fields.SelectMany(field => field.Value.From.Select(path => ($"$.fields.{field.Key}.from", (string?)path))),
    ];

    /// <summary>All texts that may hold placeholders, and where they stand.</summary>
    public static IEnumerable<(string Where, string Text)> Texts(Manifest manifest) =>
    [
        .. manifest.Query.Select(parameter => ($"$.query.{parameter.Key}", parameter.Value)),
        .. manifest.Headers.Select(header => ($"$.headers.{header.Key}", header.Value)),
        .. (manifest.Incremental as SinceRule)?.Query
            .Select(parameter => ($"$.incremental.query.{parameter.Key}", parameter.Value.Replace(SinceRule.Placeholder, "", StringComparison.Ordinal))) ?? [],
        .. manifest.Deletes.Confirm is ByIdConfirm byId ? [("$.deletes.confirm.path", byId.Path.Replace(ByIdConfirm.Placeholder, "", StringComparison.Ordinal))] : Array.Empty<(string, string)>(),
        .. Texts(manifest.Auth).OfType<string>().Select(text => ("$.auth", text)),
    ];

    private static string?[] Texts(Auth auth) => auth switch
    {
        BearerAuth bearer => [bearer.Token],
        ApiKeyAuth key => [key.Value],
        BasicAuth basic => [basic.User, basic.Password],
        RefreshTokenAuth refresh => [refresh.TokenUrl, refresh.ClientId, refresh.ClientSecret, refresh.Scope, refresh.RefreshToken],
        OAuth2 oauth => [oauth.TokenUrl, oauth.ClientId, oauth.ClientSecret, oauth.Scope],
        _ => [],
    };

    // A manifest is kept in tables and sent to whoever asks for it: what is secret must not stand in it.
    private static string Secrets(Auth auth) => auth switch
    {
        BearerAuth bearer => bearer.Token,
        ApiKeyAuth key => key.Value,
        BasicAuth basic => basic.User + basic.Password,
        OAuth2 oauth => oauth.ClientSecret,
        _ => "",
    };

    [GeneratedRegex("^[a-z0-9][a-z0-9-]*$")]
    private static partial Regex Name();
}
