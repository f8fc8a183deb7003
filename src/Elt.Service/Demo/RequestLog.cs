using System.Collections.Concurrent;

namespace Elt.Service.Demo;

/// <summary>Which page of which integration was asked for.</summary>
internal sealed record PageRequest(string Organization, string Integration, int Page, int PageSize);

/// <summary>Requests of one integration since the provider's start or the last reset.</summary>
/// <param name="Requests">All well-formed ones.</param>
/// <param name="Served">Answered with a page.</param>
/// <param name="Refused">Answered with an injected failure or a rate limit.</param>
/// <param name="DistinctPages">Different pages among those served.</param>
/// <param name="Repeated">Pages served though they had been served before.</param>
internal sealed record RequestCounts(
    string Organization, string Integration, int Requests, int Served, int Refused, int DistinctPages, int Repeated);

/// <summary>Counts what was asked for, so that a test can prove that no page was fetched twice.</summary>
internal sealed class RequestLog
{
    private readonly ConcurrentDictionary<PageRequest, int> _served = new();
    private readonly ConcurrentDictionary<(string Organization, string Integration), int> _refused = new();

    public void Served(PageRequest page) => _served.AddOrUpdate(page, 1, (_, count) => count + 1);

    public void Refused(PageRequest page) => _refused.AddOrUpdate((page.Organization, page.Integration), 1, (_, count) => count + 1);

    public void Clear()
    {
        _served.Clear();
        _refused.Clear();
    }

    public IReadOnlyList<RequestCounts> Counts()
    {
        var served = _served.ToArray().ToLookup(entry => (entry.Key.Organization, entry.Key.Integration), entry => entry.Value);
        var refused = _refused.ToArray().ToDictionary();
        return
        [
            .. served.Select(group => group.Key).Union(refused.Keys).Order().Select(key =>
            {
                var (all, pages, failures) = (served[key].Sum(), served[key].Count(), refused.GetValueOrDefault(key));
                return new RequestCounts(key.Organization, key.Integration, all + failures, all, failures, pages, all - pages);
            }),
        ];
    }
}
