using System.Globalization;
using System.Text.Json;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>Reads pages over HTTP as the integration's connector says.</summary>
internal sealed class HttpSource : ISource, IDisposable
{
    private readonly DatasetLibrary _datasets;
    private readonly SourceOptions _options;
    private readonly ConnectorLibrary _connectors;
    private readonly SourceClient _client;
    private readonly Credentials _credentials;
    private readonly RefusalCheck _check;
    private readonly RequestBudgets _budgets;

    public HttpSource(DatasetLibrary datasets, SourceOptions options, ConnectorLibrary connectors, RequestBudgets budgets, TimeProvider time)
    {
        _budgets = budgets;
        _datasets = datasets;
        _options = options;
        _connectors = connectors;
        _client = new SourceClient(options);
        _credentials = new Credentials(_client, time);
        _check = new RefusalCheck(time);
    }

    public async Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct)
    {
        var connector = (request.Connector ?? _connectors.Of(request.Integration)).Manifest;
        var (manifest, aimed) = request.Reading?.Aim(connector, request) ?? (connector, request);
        request = aimed;
        var where = Where(request);
        request.EnsureWithin(_options.MaxPages, where);
        var parser = new PageParser(manifest, _datasets.Get(manifest.Dataset), request.Known);
        var position = parser.Position(request);
        var values = new RequestValues(request.Integration.ProviderData, manifest.Slices[position.Slice]);
        var address = PageAddress.Of(manifest, request, position, values);
        var page = request.Page.ToString(CultureInfo.InvariantCulture);
        using var answer = await AskAsync(manifest, request.Integration, page, address, values, where, ct).ConfigureAwait(false);
        if (request.Reading?.Expiry(manifest, answer, where) is { } expiry)
            throw expiry;
        if (_check.Refusal(answer, manifest, where) is { } refusal)
            throw refusal;
        return parser.Parse(answer.Body, answer.Headers, request, address, where);
    }

    /// <summary>Asks for one record by its key.</summary>
    /// <param name="integration">Where from.</param>
    /// <param name="connector">Says where records are found; it confirms by id.</param>
    /// <param name="key">The key; it stands in the address, and in no message.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="SourceException">The source does not answer the question.</exception>
    public async Task<Presence> LookUpAsync(ConnectedIntegration integration, Connector connector, string key, CancellationToken ct)
    {
        var manifest = connector.Manifest;
        var rule = (ByIdConfirm)manifest.Deletes.Confirm;
        var endpoint = integration.ProviderData.ApiEndpoint;
        var where = $"GET {endpoint.Authority}{endpoint.AbsolutePath}{rule.Path} (confirmation)";
        var values = new RequestValues(integration.ProviderData, manifest.Slices[0]);
        using var answer = await AskAsync(manifest, integration, "confirmation", rule.Address(endpoint, key, values), values, where, ct).ConfigureAwait(false);
        if (rule.Gone.Any(gone => RefusalCheck.Fits(gone, answer)))
            return Presence.Gone;
        if (_check.Refusal(answer, manifest, where) is { } refusal)
            throw refusal;
        var record = JsonPointer.Find(answer.Body, rule.Record) is { ValueKind: JsonValueKind.Object } found
            ? new RecordMapper(manifest, _datasets.Get(manifest.Dataset)).Map(found)
            : null;
        if (record?.ExternalId != key)
            throw new SourceException(SourceErrorClass.Data, $"{where} answered without the record that was asked for. Check the connector's deletes.confirm.");
        return record.State == RecordState.Present ? Presence.There : Presence.Gone;
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Asks, and once more with a new token when the token is refused.</summary>
    private async Task<SourceAnswer> AskAsync(
        Manifest manifest, ConnectedIntegration integration, string wanted, Uri address, RequestValues values, string where, CancellationToken ct)
    {
        var ask = BudgetAsk.Of(manifest, integration, wanted);
        string? refused = null;
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Accept.ParseAdd("application/json");
            foreach (var (name, text) in manifest.Headers)
            {
                request.Headers.Remove(name);
                request.Headers.TryAddWithoutValidation(name, values.Required(text));
            }
            var token = await _credentials.AddAsync(request, manifest, values, integration.Key, refused, ct).ConfigureAwait(false);
            // After the token, so that one that was renewed is kept when the request has to wait.
            await _budgets.EnterAsync(ask, ct).ConfigureAwait(false);
            var answer = await _client.SendAsync(request, where, ct).ConfigureAwait(false);
            await _budgets.NoteAsync(integration.Key, _check.Window(answer, manifest.RateLimit), ct).ConfigureAwait(false);
            if (answer.Status != 401 || token is null || refused is not null)
                return answer;
            refused = token;
            answer.Dispose();
        }
    }

    // Host and path only: a query may hold secrets.
    private static string Where(PageRequest request)
    {
        var endpoint = request.Integration.ProviderData.ApiEndpoint;
        return string.Create(CultureInfo.InvariantCulture, $"GET {endpoint.Authority}{endpoint.AbsolutePath} (page {request.Page})");
    }
}
