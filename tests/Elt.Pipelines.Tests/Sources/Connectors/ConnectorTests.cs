using Elt.Pipelines.Sources;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Connectors;

/// <summary>Each shipped connector against a server that behaves as its vendor does.</summary>
public sealed class ConnectorTests : IAsyncLifetime
{
    private Vendor _vendor = null!;

    public async Task InitializeAsync() => _vendor = await Vendor.StartAsync();

    public async Task DisposeAsync() => await _vendor.DisposeAsync();

    [Fact]
    [Trait("promise", "P4")]
    public async Task Okta_is_read_along_its_link_headers_and_then_its_deprovisioned_users()
    {
        _vendor.Answer = async context =>
        {
            Assert.Equal($"SSWS {Vendor.Token}", context.Request.Headers.Authorization);
            var (query, gone) = (context.Request.Query, context.Request.Query["filter"] == "status eq \"DEPROVISIONED\"");
            var self = $"<{_vendor.Address}/api/v1/users?limit=2>; rel=\"self\"";
            context.Response.Headers.Link = query["after"] == "p2" || gone
                ? self
                : new[] { self, $"<{_vendor.Address}/api/v1/users?after=p2&limit=2>; rel=\"next\"" };
            await Vendor.WriteAsync(context, gone
                ? """[{"id":"00u4","status":"DEPROVISIONED","profile":{"email":"d@x.io"}}]"""
                : query["after"] == "p2"
                    ? """[{"id":"00u3","status":"SUSPENDED","lastUpdated":"2026-01-02T03:04:05.000Z","lastLogin":"2026-02-01T00:00:00.000Z","profile":{"email":" c@x.io","firstName":"C","lastName":null}}]"""
                    : """[{"id":"00u1","status":"ACTIVE","profile":{"email":"a@x.io","firstName":"A","lastName":"B"}},{"id":"00u2","status":"ACTIVE","profile":{"email":"b@x.io","firstName":"B"}}]""");
        };

        var pages = await _vendor.ReadAsync(_vendor.Connect("okta", "/api/v1/users", pageSize: 1000));

        Assert.Equal(["00u1 A B|a@x.io", "00u2 B|b@x.io", "00u3 C|c@x.io", "00u4 Removed"], Vendor.Shown(pages));
        Assert.Equal(
            ["GET /api/v1/users?limit=200", "GET /api/v1/users?after=p2&limit=2", "GET /api/v1/users?filter=status eq \"DEPROVISIONED\"&limit=200"],
            _vendor.Requests);
        var third = pages[1].Records[0];
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), third.UpdatedAt);
        Assert.Equal("""{"profile":{"email":" c@x.io","firstName":"C","lastName":null},"status":"SUSPENDED"}""", third.Values[2]);
    }

    [Fact]
    public async Task Graph_is_read_along_its_next_links_also_over_an_empty_page()
    {
        _vendor.Answer = context => context.Request.Path.Value switch
        {
            "/token/t-1" => AnswerTokenAsync(context, "client_credentials"),
            _ => Vendor.WriteAsync(context, context.Request.Query["$skiptoken"].ToString() switch
            {
                "" => $$"""{"value":[{"id":"g1","displayName":"A","mail":null,"userPrincipalName":"a@x.io"}],"@odata.nextLink":"{{_vendor.Address}}/v1.0/users?$top=999&$skiptoken=t2"}""",
                "t2" => $$"""{"value":[],"@odata.nextLink":"{{_vendor.Address}}/v1.0/users?$top=999&$skiptoken=t3"}""",
                _ => """{"value":[{"id":"g2","@removed":{"reason":"deleted"}},{"id":"g3","@removed":{"reason":"changed"}}]}""",
            }),
        };

        var pages = await _vendor.ReadAsync(_vendor.Connect("microsoft-graph", "/v1.0/users", pageSize: 5000));

        Assert.Equal(["g1 A|a@x.io", "g2 Deleted", "g3 Removed"], Vendor.Shown(pages));
        Assert.Equal("POST /token/t-1", _vendor.Requests.First());
        Assert.Equal(
            "GET /v1.0/users?$select=id,displayName,mail,userPrincipalName,accountEnabled,department,jobTitle&$top=999", _vendor.Requests.ElementAt(1));
        Assert.Equal(4, _vendor.Requests.Count);
    }

    [Fact]
    public async Task Google_is_read_by_page_tokens_and_then_its_deleted_users()
    {
        _vendor.Answer = context => context.Request.Path.Value switch
        {
            "/token/t-1" => AnswerTokenAsync(context, "refresh_token"),
            _ => Vendor.WriteAsync(context, (context.Request.Query["showDeleted"].ToString(), context.Request.Query["pageToken"].ToString()) switch
            {
                ("", "") => """{"users":[{"id":"1","primaryEmail":"a@x.io","name":{"fullName":"A B"},"suspended":true,"etag":"e1"}],"nextPageToken":"p2"}""",
                ("", "p2") => """{"users":[{"id":"2","primaryEmail":"b@x.io","name":{"fullName":"B"},"suspended":false}]}""",
                _ => """{"users":[{"id":"3","primaryEmail":"c@x.io","deletionTime":"2026-01-01T00:00:00Z"}]}""",
            }),
        };

        var pages = await _vendor.ReadAsync(_vendor.Connect("google-workspace", "/users"));

        Assert.Equal(["1 A B|a@x.io", "2 B|b@x.io", "3 Removed"], Vendor.Shown(pages));
        Assert.Equal("""{"name":{"fullName":"A B"},"suspended":true}""", pages[0].Records[0].Values[2]);
    }

    [Fact]
    public async Task Google_leaves_the_list_out_where_it_is_empty()
    {
        _vendor.Answer = context => context.Request.Path == "/token/t-1"
            ? AnswerTokenAsync(context, "refresh_token")
            : Vendor.WriteAsync(context, """{"kind":"admin#directory#users"}""");

        var pages = await _vendor.ReadAsync(_vendor.Connect("google-workspace", "/users"));

        Assert.Equal((2, 0), (pages.Count, pages.Sum(page => page.Records.Count)));
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task Slack_ends_with_an_empty_cursor_and_bots_are_out_of_scope()
    {
        _vendor.Answer = context =>
        {
            Assert.Equal($"Bearer {Vendor.Token}", context.Request.Headers.Authorization);
            return Vendor.WriteAsync(context, context.Request.Query["cursor"] == "dXN="
                ? """{"ok":true,"members":[{"id":"U3","deleted":true,"is_bot":false}],"response_metadata":{"next_cursor":""}}"""
                : """{"ok":true,"members":[{"id":"U1","deleted":false,"is_bot":false,"updated":1767323045,"profile":{"email":"a@x.io","real_name":"A"}},{"id":"U2","is_bot":true,"name":"bot"}],"response_metadata":{"next_cursor":"dXN="}}""");
        };

        var pages = await _vendor.ReadAsync(_vendor.Connect("slack", "/api/users.list"));

        Assert.Equal(["U1 A|a@x.io", "U2 OutOfScope", "U3 Removed"], Vendor.Shown(pages));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1767323045), pages[0].Records[0].UpdatedAt);
        Assert.Equal(["GET /api/users.list?limit=100", "GET /api/users.list?cursor=dXN=&limit=100"], _vendor.Requests);
    }

    [Fact]
    public async Task GitHub_members_are_read_along_link_headers()
    {
        _vendor.Answer = context =>
        {
            Assert.Equal("2022-11-28", context.Request.Headers["X-GitHub-Api-Version"]);
            var second = context.Request.Query["page"] == "2";
            if (!second)
                context.Response.Headers.Link = $"<{_vendor.Address}/organizations/1/members?per_page=100&page=2>; rel=\"next\", <{_vendor.Address}/organizations/1/members?page=2>; rel=\"last\"";
            return Vendor.WriteAsync(context, second ? """[{"id":8,"login":"b"}]""" : """[{"id":7,"login":"a","type":"User"}]""");
        };

        var pages = await _vendor.ReadAsync(_vendor.Connect("github-org-members", "/orgs/x/members"));

        Assert.Equal(["7 a|", "8 b|"], Vendor.Shown(pages));
        Assert.Equal(["GET /orgs/x/members?per_page=100", "GET /organizations/1/members?per_page=100&page=2"], _vendor.Requests);
    }

    [Fact]
    public async Task Scim_is_read_by_index_from_one_however_few_come()
    {
        _vendor.Answer = context =>
        {
            var start = int.Parse(context.Request.Query["startIndex"]!);
            // Asked for three, the server gives two at most.
            var users = Enumerable.Range(start, Math.Min(2, Math.Max(0, 6 - start))).Select(i => $$"""{"id":"{{i}}","userName":"u{{i}}","emails":[{"value":"u{{i}}@x.io"}]}""");
            return Vendor.WriteAsync(context, $$"""{"totalResults":5,"startIndex":{{start}},"Resources":[{{string.Join(',', users)}}]}""");
        };

        var pages = await _vendor.ReadAsync(_vendor.Connect("scim2", "/scim/Users", pageSize: 3));

        Assert.Equal(["1 u1|u1@x.io", "2 u2|u2@x.io", "3 u3|u3@x.io", "4 u4|u4@x.io", "5 u5|u5@x.io"], Vendor.Shown(pages));
        Assert.Equal(["1", "3", "5"], _vendor.Requests.Select(request => request.Split("startIndex=")[1][..1]));
        Assert.All(pages, page => Assert.Equal(5, page.DeclaredTotal));
    }

    [Fact]
    public async Task Scim_with_cursors_begins_with_an_empty_one_and_ends_without()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, context.Request.Query["cursor"] == ""
            ? """{"totalResults":2,"nextCursor":"YkU3","Resources":[{"id":"1","userName":"a","meta":{"lastModified":"2026-01-02T03:04:05Z"}}]}"""
            : """{"totalResults":2,"Resources":[{"id":"2","userName":"b"}]}""");

        var pages = await _vendor.ReadAsync(_vendor.Connect("scim2-cursor", "/scim/Users"));

        Assert.Equal(["1 a|", "2 b|"], Vendor.Shown(pages));
        Assert.Equal(["GET /scim/Users?cursor=&count=100", "GET /scim/Users?cursor=YkU3&count=100"], _vendor.Requests);
    }

    [Fact]
    public async Task A_scim_cursor_that_has_expired_needs_a_new_extract()
    {
        _vendor.Answer = context => Vendor.WriteAsync(
            context, """{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"expiredCursor","status":"400"}""", 400);

        Assert.Equal(SourceErrorClass.ExpiredCursor, (await _vendor.FailAsync(_vendor.Connect("scim2-cursor", "/scim/Users"))).ErrorClass);
    }

    [Fact]
    public async Task A_rest_integration_brings_its_connector_along()
    {
        _vendor.Answer = context =>
        {
            Assert.Equal(Vendor.Token, context.Request.Query["key"]);
            Assert.Equal("eu", context.Request.Headers["X-Region"]);
            var next = context.Request.Query["at"] == "2" ? "null" : $"\"/people?at=2&key={Vendor.Token}\"";
            return Vendor.WriteAsync(context, $$"""{"people":[{"org":1,"no":"{{context.Request.Query["at"]}}","age":"41.0","active":true}],"next":{{next}}}""");
        };
        const string connector =
            """
            ,"region":"eu","connector":{"name":"people",
              "auth":{"type":"apiKey","in":"query","name":"key","value":"{secret.token}"},
              "headers":{"X-Region":"{config.region}"},
              "pagination":{"type":"nextUrl","path":"/next"},
              "records":{"path":"/people"}, "key":["/org","/no"],
              "fields":{"name":{"from":["/age"],"type":"integer"},"email":{"from":["/active"],"type":"boolean"}}}
            """;

        var pages = await _vendor.ReadAsync(_vendor.Connect("rest", "/people?at=1", more: connector));

        Assert.Equal(["1/1 41|true", "1/2 41|true"], Vendor.Shown(pages));
        Assert.Equal("0:/people?at=2", pages[0].NextCursor);
    }

    private static Task AnswerTokenAsync(HttpContext context, string grant)
    {
        var form = context.Request.ReadFormAsync().Result;
        Assert.Equal((grant, "client", Vendor.Token), ((string)form["grant_type"]!, (string)form["client_id"]!, (string)form["client_secret"]!));
        return Vendor.WriteAsync(context, """{"access_token":"at-1","token_type":"Bearer","expires_in":3600}""");
    }
}
