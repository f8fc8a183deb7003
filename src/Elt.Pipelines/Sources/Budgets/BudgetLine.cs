namespace Elt.Pipelines.Sources.Budgets;

/// <summary>A tenant that shares a budget.</summary>
/// <param name="Name">The tenant.</param>
/// <param name="Used">Its requests that count at present.</param>
/// <param name="Since">Since when it waits for its next turn, in milliseconds.</param>
/// <param name="Waiting">Its requests that wait.</param>
/// <param name="Due">Those of them whose time has come.</param>
internal sealed record BudgetTenant(string Name, long Used, long Since, long Waiting, long Due);

/// <summary>
/// Who is next. A place goes to the tenant that has used the fewest of those that count; among equals to the one that has waited longest. So each gets an equal
/// share, and what some do not need is shared by the others.
/// </summary>
/// <param name="Requests">Places in all.</param>
/// <param name="WindowMillis">How long a request counts.</param>
/// <param name="Grants">When requests that count cease to, the earliest first, and how many.</param>
/// <param name="Others">The other tenants that wait.</param>
internal sealed record BudgetLine(int Requests, long WindowMillis, IReadOnlyList<(long Until, long Requests)> Grants, IReadOnlyList<BudgetTenant> Others)
{
    /// <summary>How long a request has to wait, or <see langword="null"/> when it may be sent now.</summary>
    /// <param name="tenant">Who asks.</param>
    /// <param name="before">Requests of the tenant itself that have waited longer.</param>
    /// <param name="now">In milliseconds.</param>
    public long? Wait(BudgetTenant tenant, long before, long now)
    {
        // A place is kept only for those who are due to come for it: whoever was told a later time could not use it now.
        var ahead = Others.Sum(other => Ahead(other, other.Due, tenant, 0));
        if (Requests - Grants.Sum(grant => grant.Requests) > ahead)
            return null;
        var all = before + Others.Sum(other => Ahead(other, other.Waiting, tenant, before));
        return Math.Max(1, Free(all % Requests, now) + all / Requests * WindowMillis - now);
    }

    /// <summary>Places that another tenant gets before this one gets its next but so many.</summary>
    private static long Ahead(BudgetTenant other, long wanted, BudgetTenant tenant, long before)
    {
        var isFirst = (other.Since, other.Name).CompareTo((tenant.Since, tenant.Name)) < 0;
        return Math.Clamp(tenant.Used + before - other.Used + (isFirst ? 1 : 0), 0, wanted);
    }

    /// <summary>When more places than so many are free.</summary>
    private long Free(long places, long now)
    {
        var free = Requests - Grants.Sum(grant => grant.Requests);
        foreach (var (until, requests) in Grants)
        {
            if (free > places)
                break;
            (free, now) = (free + requests, until);
        }
        return now;
    }
}
