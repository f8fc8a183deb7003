using System.Collections.Concurrent;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources.Files;

/// <summary>
/// Reads files in pages, one after another. A page holds no more of the file in memory than its own records; the next one is found by its place in the
/// content, which a cursor names together with what tells the content from any other.
/// </summary>
/// <param name="datasets">What records are mapped to.</param>
/// <param name="options">Limits.</param>
/// <param name="connectors">How files are read.</param>
/// <param name="copyFolder">Where copies of downloads and packed files are kept while they are read.</param>
/// <param name="time">The clock.</param>
internal sealed class FileSource(DatasetLibrary datasets, SourceOptions options, ConnectorLibrary connectors, string copyFolder, TimeProvider time)
    : ISource, IDisposable
{
    // Copies of extracts that do not go on.
    private static readonly TimeSpan MaxIdle = TimeSpan.FromMinutes(30);

    private readonly LocalFiles _local = new(options.FileFolder, new FileCopy(copyFolder, options));
    private readonly RemoteFiles _remote = new(new FileCopy(copyFolder, options), options, time);
    private readonly ConcurrentDictionary<IntegrationKey, (FileContent Content, DateTimeOffset Since)> _copies = new();

    public async Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct)
    {
        var where = Where(request);
        request.EnsureWithin(options.MaxPages, where);
        var manifest = (request.Connector ?? connectors.Of(request.Integration)).Manifest;
        var from = request.Cursor is { } cursor ? FilePosition.Parse(cursor) : null;
        if (from is null && request.Page > 1)
            throw new ArgumentException($"Page {request.Page} of a file needs the cursor of the page before it.", nameof(request));
        var settings = FileSettings.Of(manifest.File!, request.Integration.ProviderData);
        var content = await ContentAsync(request, manifest, settings, from, where, ct).ConfigureAwait(false);
        var isKept = false;
        try
        {
            if (from is not null && from.Identity != content.Identity)
                throw FileContent.Changed(where);
            var page = Read(request, manifest, settings, content, from, where);
            content.EnsureUnchanged(where);
            isKept = content.IsCopy && !page.IsLast;
            if (isKept)
                Keep(request.Integration.Key, content);
            return page;
        }
        finally
        {
            if (!isKept)
                content.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var copy in _copies.Values)
            copy.Content.Dispose();
        _remote.Dispose();
    }

    private SourcePage Read(PageRequest request, Manifest manifest, FileSettings settings, FileContent content, FilePosition? from, string where)
    {
        var mapper = new RecordMapper(manifest, datasets.Get(manifest.Dataset), request.Known);
        FileRecords file = settings.Format switch
        {
            FileFormat.Csv => new CsvRecords(content, from, settings.Delimiter, manifest, mapper, where),
            FileFormat.Jsonl => new JsonLineRecords(content, from, mapper, where),
            _ => new JsonArrayRecords(content, from, manifest.Records.Path, manifest.Records.Optional, mapper, where),
        };
        var start = file.Offset;
        var records = new List<SourceRecord>();
        var isLast = false;
        while (records.Count < request.PageSize && file.Offset - start < options.MaxResponseBytes && !isLast)
        {
            if (file.Next() is { } record)
                records.Add(record);
            else
                isLast = true;
        }
        return new SourcePage(request.Page, records, isLast, null, null)
        {
            NewFields = mapper.NewFields,
            Breach = mapper.Breach,
            NextCursor = isLast ? null : new FilePosition(file.Offset, file.Line, content.Identity).ToString(),
        };
    }

    // The copy is taken out while it is read: no other page can close it.
    private async Task<FileContent> ContentAsync(
        PageRequest request, Manifest manifest, FileSettings settings, FilePosition? from, string where, CancellationToken ct)
    {
        if (_copies.TryRemove(request.Integration.Key, out var kept))
        {
            if (from?.Identity == kept.Content.Identity)
                return kept.Content;
            kept.Content.Dispose();
        }
        return request.Integration.ProviderData.ApiEndpoint.IsFile
            ? await _local.OpenAsync(request.Integration.ProviderData.ApiEndpoint, settings.IsPacked, where, ct).ConfigureAwait(false)
            : await _remote.OpenAsync(manifest, request.Integration, settings.IsPacked, where, ct).ConfigureAwait(false);
    }

    private static string Where(PageRequest request)
    {
        var address = request.Integration.ProviderData.ApiEndpoint;
        return address.IsFile
            ? $"The file '{Uri.UnescapeDataString(address.AbsolutePath).TrimStart('/')}'"
            : $"The file at {address.Authority}{address.AbsolutePath}";
    }

    private void Keep(IntegrationKey integration, FileContent content)
    {
        var now = time.GetUtcNow();
        foreach (var idle in _copies.Where(copy => now - copy.Value.Since > MaxIdle).ToList())
        {
            if (_copies.TryRemove(idle))
                idle.Value.Content.Dispose();
        }
        if (!_copies.TryAdd(integration, (content, now)))
            content.Dispose();
    }
}
