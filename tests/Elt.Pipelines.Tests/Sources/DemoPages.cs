using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Tests.Sources;

/// <summary>Pages as the demo connector reads them.</summary>
internal static class DemoPages
{
    public static ConnectedIntegration Integration { get; } = new(
        "demo", "org", "demo", new ProviderData { PermissionSourceName = "Demo", ApiEndpoint = new Uri("http://test/users") });

    public static ConnectorLibrary Connectors { get; } = new(Dataset.Users);

    public static SourcePage Parse(byte[] body, int page = 1)
    {
        using var answer = SourceAnswer.Read(new HttpResponseMessage(), body, "GET test");
        return new PageParser(Connectors.Of(Integration).Manifest, Dataset.Users)
            .Parse(answer.Body, _ => [], new PageRequest(Integration, page, 10), Integration.ProviderData.ApiEndpoint, "GET test");
    }
}
