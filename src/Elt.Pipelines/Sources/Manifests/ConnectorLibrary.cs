using System.Reflection;
using System.Text.Json;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>
/// The connectors there are: those shipped with the program and those of a folder, which may replace them. An integration names one as its
/// provider; the provider <c>rest</c> brings its own along, as the object <c>connector</c> of its provider_data. The object <c>quality</c> of provider_data
/// adds rules to those of any connector, and the object <c>contract</c> stands in the place of its contract.
/// </summary>
public sealed class ConnectorLibrary
{
    /// <summary>The provider whose integrations bring their connector along.</summary>
    internal const string Inline = "rest";

    private const string Shipped = "Sources/connectors/";

    private readonly Dictionary<string, Connector> _connectors = new(StringComparer.Ordinal);
    private readonly DatasetLibrary _datasets;

    /// <param name="datasets">What connectors map to.</param>
    /// <param name="folder">A folder of further manifests, <c>*.json</c>; default none.</param>
    /// <exception cref="FormatException">A manifest cannot be used.</exception>
    internal ConnectorLibrary(DatasetLibrary datasets, string? folder = null)
    {
        _datasets = datasets;
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Shipped, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var text = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            Add(text.ReadToEnd(), resource[Shipped.Length..]);
        }
        if (folder is null)
            return;
        foreach (var file in Directory.EnumerateFiles(folder, "*.json").Where(file => !file.EndsWith(".schema.json", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            Add(File.ReadAllText(file), file);
    }

    /// <summary>Names of the connectors, ordered.</summary>
    public IEnumerable<string> Names => _connectors.Keys.Order(StringComparer.Ordinal);

    /// <summary>Finds out whether an integration can be read, as far as that shows without asking its source.</summary>
    /// <param name="integration">The integration.</param>
    /// <exception cref="SourceException">There is no such connector, or the integration lacks what it needs; the message says which.</exception>
    public void EnsureUsable(ConnectedIntegration integration)
    {
        ArgumentNullException.ThrowIfNull(integration);
        var values = new RequestValues(integration.ProviderData, new Dictionary<string, string>());
        var manifest = Of(integration).Manifest;
        if (integration.ProviderData.Incremental && manifest.Incremental is not ChangesRule)
        {
            throw new SourceException(
                SourceErrorClass.Permanent, $"The connector {manifest.Name} cannot ask for changes only: leave out provider_data.incremental, or use a connector with incremental.");
        }
        foreach (var (_, text) in ManifestCheck.Texts(manifest))
            values.EnsureFillable(text);
    }

    /// <summary>The dataset that an integration's connector maps to; <see langword="null"/> when the connector cannot be used.</summary>
    /// <param name="integration">The integration.</param>
    public string? FindDataset(ConnectedIntegration integration)
    {
        ArgumentNullException.ThrowIfNull(integration);
        try
        {
            return Of(integration).Manifest.Dataset;
        }
        catch (SourceException)
        {
            return null;
        }
    }

    /// <summary>The connector of an integration.</summary>
    /// <exception cref="SourceException">There is none, or the one that the integration brings along cannot be used.</exception>
    internal Connector Of(ConnectedIntegration integration)
    {
        var connector = integration.Provider == Inline ? Own(integration) : _connectors.GetValueOrDefault(integration.Provider) ?? throw new SourceException(
            SourceErrorClass.Permanent,
            $"There is no connector '{integration.Provider}': expected {string.Join(", ", Names)}, or {Inline} with a manifest in provider_data.connector.");
        if (integration.ProviderData.Other?.TryGetValue("quality", out var quality) == true)
            connector = Usable(() => connector.With(quality.GetRawText(), "provider_data.quality", _datasets));
        return integration.ProviderData.Other?.TryGetValue("contract", out var contract) == true
            ? Usable(() => connector.Under(contract.GetRawText(), "provider_data.contract", _datasets))
            : connector;
    }

    /// <summary>A connector that was pinned by an earlier version of the program.</summary>
    internal Connector Read(string json) => Connector.Parse(json, "pinned connector", _datasets);

    private Connector Own(ConnectedIntegration integration)
    {
        if (integration.ProviderData.Other?.TryGetValue("connector", out var manifest) != true || manifest.ValueKind != JsonValueKind.Object)
            throw new SourceException(SourceErrorClass.Permanent, $"The provider {Inline} needs a manifest: expected an object in provider_data.connector.");
        return Usable(() => Connector.Parse(manifest.GetRawText(), "provider_data.connector", _datasets));
    }

    private static Connector Usable(Func<Connector> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            throw new SourceException(SourceErrorClass.Permanent, e.Message, inner: e);
        }
    }

    private void Add(string json, string file)
    {
        var connector = Connector.Parse(json, file, _datasets);
        _connectors[connector.Manifest.Name] = connector;
    }
}
