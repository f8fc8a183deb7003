using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Xunit;

namespace Elt.Pipelines.Tests.Sources;

public sealed class ManifestTests
{
    private const string Small =
        """{"name":"small","pagination":{"type":"none"},"records":{"path":"/rows"},"key":["/id"],"fields":{"name":{"from":["/n"]}}}""";

    [Fact]
    public void The_schema_beside_the_manifests_is_what_the_model_gives()
    {
        var file = Path.Combine(Root(), "src/Elt.Pipelines/Sources/connectors/connector.schema.json");
        // Set it once after the model has changed.
        if (Environment.GetEnvironmentVariable("ELT_WRITE_SCHEMA") is not null)
            File.WriteAllText(file, Connector.Schema + "\n");

        Assert.Equal(Connector.Schema + "\n", File.ReadAllText(file));
    }

    [Fact]
    public void All_shipped_connectors_can_be_used() => Assert.Equal(
        ["demo", "file", "github-org-members", "google-workspace", "microsoft-graph", "okta", "scim2", "scim2-cursor", "slack"],
        new ConnectorLibrary(Dataset.Users).Names);

    [Theory]
    [InlineData("\"key\":", "\"keys\":", "small.json, $.keys: ", "'keys'")]
    [InlineData("\"none\"", "\"spiral\"", "small.json, $.pagination", "spiral")]
    [InlineData("\"key\":[\"/id\"],", "", "small.json, $", "key")]
    [InlineData("[\"/n\"]", "[\"n\"]", "small.json, $.fields.name.from: expected a JSON Pointer", "'n'")]
    [InlineData("\"name\":{\"from\"", "\"nick\":{\"from\"", "small.json, $.fields: expected the columns name, email", "'nick'")]
    [InlineData("\"small\"", "\"Small One\"", "small.json, $.name: expected lower case", "'Small One'")]
    [InlineData("\"key\":", "\"query\":{\"q\":\"{env.HOME}\"},\"key\":", "small.json, $.query.q: expected {config.x}", "'{env.HOME}'")]
    [InlineData("\"key\":", "\"auth\":{\"type\":\"bearer\",\"token\":\"abc\"},\"key\":", "small.json, $.auth: expected a {secret.x}", "plain text")]
    [InlineData("\"pagination\":{\"type\":\"none\"},", "", "small.json, $.pagination: ", "expected either pagination or file")]
    [InlineData("\"key\":", "\"file\":{},\"key\":", "small.json, $.pagination: ", "expected either pagination or file")]
    [InlineData("\"pagination\":{\"type\":\"none\"},", "\"file\":{},\"query\":{\"a\":\"b\"},", "small.json, $.query: ", "expected nothing, since the list is a file")]
    [InlineData("\"pagination\":{\"type\":\"none\"},", "\"file\":{\"format\":\"xml\"},", "small.json, $.file.format: ", "FileFormat")]
    [InlineData("\"key\":", "\"incremental\":{\"type\":\"guess\"},\"key\":", "small.json, $.incremental", "guess")]
    [InlineData("\"key\":", "\"incremental\":{\"type\":\"none\",\"fullEvery\":\"7d\"},\"key\":", "small.json, $.incremental", "'fullEvery'")]
    [InlineData("\"key\":", "\"incremental\":{\"type\":\"since\",\"query\":{\"q\":\"{since}\"},\"fullEvery\":\"weekly\"},\"key\":", "small.json, $.incremental.fullEvery: expected a duration", "'weekly'")]
    [InlineData("\"key\":", "\"incremental\":{\"type\":\"since\",\"query\":{\"q\":\"{since}\"},\"lag\":\"-5m\"},\"key\":", "small.json, $.incremental.lag: expected a duration", "'-5m'")]
    [InlineData("\"key\":", "\"incremental\":{\"type\":\"since\",\"query\":{\"q\":\"now\"}},\"key\":", "small.json, $.incremental.query: ", "{since}, found none")]
    [InlineData("\"key\":", "\"incremental\":{\"type\":\"since\",\"query\":{\"q\":\"{since}\"}},\"key\":", "small.json, $.updatedAt: ", "expected a path")]
    [InlineData("\"key\":", "\"query\":{\"q\":\"{since}\"},\"key\":", "small.json, $.query.q: expected {config.x}", "'{since}'")]
    [InlineData("\"none\"}", "\"page\",\"pageParam\":\"p\"},\"updatedAt\":{\"path\":\"/u\"},\"incremental\":{\"type\":\"since\",\"query\":{\"q\":\"{since}\"}}", "small.json, $.pagination: ", "found positions")]
    [InlineData("\"key\":", "\"incremental\":{\"type\":\"deltaLink\",\"path\":\"/d\"},\"key\":", "small.json, $.pagination: ", "a delta link is an address")]
    [InlineData("\"none\"}", "\"linkHeader\"},\"incremental\":{\"type\":\"deltaLink\",\"path\":\"d\"}", "small.json, $.incremental.path: expected a JSON Pointer", "'d'")]
    [InlineData("\"none\"}", "\"linkHeader\"},\"incremental\":{\"type\":\"deltaLink\",\"path\":\"/d\",\"first\":\"delta\"}", "small.json, $.incremental.first: ", "'delta'")]
    [InlineData("\"none\"}", "\"linkHeader\"},\"incremental\":{\"type\":\"deltaLink\",\"path\":\"/d\",\"expiredWhen\":[{}]}", "small.json, $.incremental.expiredWhen: ", "expected rules")]
    [InlineData("\"pagination\":{\"type\":\"none\"},", "\"file\":{},\"incremental\":{\"type\":\"deltaLink\",\"path\":\"/d\"},", "small.json, $.incremental: ", "since the list is a file")]
    [InlineData("\"key\":", "\"contract\":{\"newField\":\"panic\"},\"key\":", "small.json, $.contract.newField: ", "ContractMode")]
    [InlineData("[\"/n\"]", "[\"/n\"],\"type\":\"timestamp\",\"zone\":\"Mars/Olympus\"", "small.json, $.fields.name.zone: expected an IANA time zone", "'Mars/Olympus'")]
    [InlineData("[\"/n\"]", "[\"/n\"],\"zone\":\"UTC\"", "small.json, $.fields.name.zone: ", "is no timestamp")]
    [InlineData("\"key\":", "\"updatedAt\":{\"path\":\"/u\",\"zone\":\"CEST5\"},\"key\":", "small.json, $.updatedAt.zone: ", "'CEST5'")]
    [InlineData("\"key\":", "\"budget\":{\"requests\":0,\"perSeconds\":60},\"key\":", "small.json, $.budget.requests: expected at least 1", "found 0")]
    [InlineData("\"key\":", "\"budget\":{\"requests\":1,\"perSeconds\":86401},\"key\":", "small.json, $.budget.perSeconds: expected 1 to 86400", "found 86401")]
    [InlineData("\"pagination\":{\"type\":\"none\"},", "\"file\":{},\"budget\":{\"requests\":1,\"perSeconds\":1},", "small.json, $.budget: ", "since the list is a file")]
    [InlineData("\"key\":", "\"deletes\":{\"confirm\":{\"path\":\"{key}\",\"type\":\"byId\"}},\"key\":", "small.json, $.deletes.confirm.path: expected a path", "'{key}'")]
    [InlineData("\"key\":", "\"deletes\":{\"confirm\":{\"path\":\"/x\",\"type\":\"byId\"}},\"key\":", "small.json, $.deletes.confirm.path: expected {key}", "'/x'")]
    [InlineData("\"key\":", "\"deletes\":{\"confirm\":{\"path\":\"/{key}\",\"type\":\"byId\",\"max\":0}},\"key\":", "small.json, $.deletes.confirm.max: expected 1 to 10000", "found 0")]
    [InlineData("\"key\":", "\"deletes\":{\"confirm\":{\"path\":\"/{key}\",\"type\":\"byId\",\"gone\":[{}]}},\"key\":", "small.json, $.deletes.confirm.gone: ", "expected rules")]
    [InlineData("\"key\":", "\"deletes\":{\"confirm\":{\"path\":\"/{env.HOME}/{key}\",\"type\":\"byId\"}},\"key\":", "small.json, $.deletes.confirm.path: expected {config.x}", "'{env.HOME}'")]
    [InlineData("\"key\":", "\"rateLimit\":{\"resetHeader\":\"R\"},\"key\":", "small.json, $.rateLimit.resetIs: ", "the form of resetHeader")]
    [InlineData("\"key\":", "\"rateLimit\":{\"remainingHeader\":\"R\"},\"key\":", "small.json, $.rateLimit.resetHeader: ", "found none")]
    [InlineData("\"key\":", "\"quality\":{\"weights\":{\"validity\":-1}},\"key\":", "small.json, $.quality.weights: ", "expected numbers from 0 to 1000, not all 0")]
    [InlineData("\"/rows\"", "7", "small.json, $.records.path: ", "'Number' as a string")]
    public void A_manifest_that_cannot_be_used_says_where_and_why(string text, string instead, string where, string found)
    {
        var error = Assert.Throws<FormatException>(() => Connector.Parse(Small.Replace(text, instead, StringComparison.Ordinal), "small.json", Dataset.Users));

        Assert.StartsWith(where, error.Message, StringComparison.Ordinal);
        Assert.Contains(found, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_adds_connectors_and_replaces_shipped_ones()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("small.json"), Small);
        File.WriteAllText(folder.File("demo.json"), Small.Replace("small", "demo", StringComparison.Ordinal));

        var library = new ConnectorLibrary(Dataset.Users, folder.Path);

        Assert.Contains("small", library.Names);
        Assert.IsType<NoPagination>(library.Of(DemoPages.Integration).Manifest.Pagination);
    }

    [Fact]
    public void A_connector_that_nobody_knows_is_refused_with_the_names_there_are()
    {
        var error = Assert.Throws<SourceException>(() => DemoPages.Connectors.Of(new ConnectedIntegration("1", "org", "okra", DemoPages.Integration.ProviderData)));

        Assert.Contains("'okra': expected demo, file, github-org-members,", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_integration_that_cannot_be_read_incrementally_is_told_so()
    {
        var data = ProviderData.Parse("""{"permission_source_name":"A","api_endpoint":"https://h/u","incremental":true,"secrets":{"token":"env:T"}}""");

        var error = Assert.Throws<SourceException>(() => DemoPages.Connectors.EnsureUsable(new ConnectedIntegration("1", "org", "slack", data)));
        DemoPages.Connectors.EnsureUsable(new ConnectedIntegration("1", "org", "okta", data));

        Assert.Contains("slack cannot ask for changes only", error.Message, StringComparison.Ordinal);
        Assert.Contains("\"incremental\":true", data.ToJson(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rfc3339", "2026-01-02T02:59:05.006Z")]
    [InlineData("epochSeconds", "1767322745")]
    [InlineData("epochMillis", "1767322745006")]
    public void A_time_to_ask_by_is_the_greatest_one_minus_the_lag(string format, string since)
    {
        var rule = new SinceRule(new Dictionary<string, string>()) { Format = Enum.Parse<SinceFormat>(format, ignoreCase: true) };

        Assert.Equal(since, rule.Since(new DateTimeOffset(2026, 1, 2, 4, 4, 5, 6, TimeSpan.FromHours(1))));
    }

    [Theory]
    [InlineData("<https://h/?after=1>; rel=\"next\"", "https://h/?after=1")]
    [InlineData("<https://h/a,b>; rel=\"self\", <https://h/?q=a,b;c>; title=\"x, y\"; rel=\"next last\"", "https://h/?q=a,b;c")]
    [InlineData("</relative>; REL=next", "/relative")]
    [InlineData("<https://h/>; rel=\"prev\"", null)]
    [InlineData("<https://h/>; xrel=\"next\"", null)]
    [InlineData("", null)]
    public void A_link_header_may_hold_several_links(string header, string? next) => Assert.Equal(next, LinkHeader.Find([header], "next"));

    [Theory]
    [InlineData("/a/b", "1")]
    [InlineData("/a~1b", "2")]
    [InlineData("/@odata.nextLink", "3")]
    [InlineData("/list/1", "5")]
    [InlineData("/list/9", null)]
    [InlineData("/list/-1", null)]
    [InlineData("/a/b/c", null)]
    public void A_pointer_leads_to_a_value_or_nowhere(string path, string? value)
    {
        using var json = System.Text.Json.JsonDocument.Parse("""{"a":{"b":1},"a/b":2,"@odata.nextLink":3,"list":[4,5]}""");

        Assert.Equal(value, JsonPointer.Find(json.RootElement, path).AsText());
    }

    internal static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Elt.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
