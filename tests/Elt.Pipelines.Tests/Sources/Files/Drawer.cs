using System.IO.Compression;
using System.Text;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Files;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Files;

/// <summary>A folder of files and a source that may read them.</summary>
internal sealed class Drawer : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TempFolder _copies = new();
    private FileSource _source;

    public Drawer(Func<SourceOptions, SourceOptions>? configure = null)
    {
        Options = new SourceOptions { FileFolder = Folder, AllowPrivateAddresses = true };
        Options = configure?.Invoke(Options) ?? Options;
        _source = Open();
    }

    public SourceOptions Options { get; }

    public string Folder => _folder.File("files");

    /// <summary>Files in the folder of copies; those being read have no name.</summary>
    public string[] Copies => Directory.GetFiles(_copies.Path);

    public string Put(string name, string text) => Put(name, Encoding.UTF8.GetBytes(text));

    public string Put(string name, byte[] bytes)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return $"file:///{name}";
    }

    public static byte[] Pack(string text)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        return packed.ToArray();
    }

    /// <summary>An integration of a file; <paramref name="more"/> is added to its provider_data.</summary>
    public static ConnectedIntegration Connect(string address, string more = "", string provider = "file") => new(
        "hr", "org-001", provider, ProviderData.Parse($$"""{"permission_source_name":"HR","api_endpoint":"{{address}}"{{more}}}"""));

    public Task<SourcePage> FetchAsync(ConnectedIntegration integration, int page = 1, int pageSize = 100, string? cursor = null) =>
        _source.FetchAsync(new PageRequest(integration, page, pageSize, cursor), default);

    /// <summary>Reads all pages; a restart forgets what the source knows in between.</summary>
    public async Task<IReadOnlyList<SourcePage>> ReadAsync(ConnectedIntegration integration, int pageSize = 100, bool restarts = false)
    {
        var pages = new List<SourcePage>();
        do
        {
            Assert.True(pages.Count < 1000, "The file has no end.");
            if (restarts)
                Restart();
            pages.Add(await FetchAsync(integration, pages.Count + 1, pageSize, pages.LastOrDefault()?.NextCursor));
        }
        while (!pages[^1].IsLast);
        return pages;
    }

    public Task<SourceException> FailAsync(ConnectedIntegration integration, int pageSize = 100) =>
        Assert.ThrowsAsync<SourceException>(() => ReadAsync(integration, pageSize));

    public void Restart()
    {
        _source.Dispose();
        _source = Open();
    }

    /// <summary>Records as <c>key name|email</c>, bad ones as their reason.</summary>
    public static string[] Shown(IEnumerable<SourcePage> pages) =>
    [
        .. pages.SelectMany(page => page.Records).Select(record => record.Problems.Count > 0
            ? record.Problems[^1].Message
            : $"{record.ExternalId} {record.Values[0]}|{record.Values[1]}"),
    ];

    public void Dispose()
    {
        _source.Dispose();
        _folder.Dispose();
        _copies.Dispose();
    }

    private FileSource Open() => new(Dataset.Users, Options, new ConnectorLibrary(Dataset.Users), _copies.Path, TimeProvider.System);
}
